/** `acl` in the workers: queries that are not allowed go no further. See README.md. */

import { EDE_BLOCKED, EDE_FILTERED, RCODE_REFUSED } from "../../wire/constants.ts";
import { messageFor } from "../../wire/message.ts";
import { foldWireName, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { ClientAddress, Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import type { AclRulePlan } from "./plan.ts";
import { ACL_ALLOW, ACL_BLOCK, ACL_DROP, ACL_FILTER, AclRules } from "./rules.ts";

export class AclPlugin implements FrontPlugin {
  /** By ACL_ALLOW …: how many. */
  readonly counts = [0, 0, 0, 0];
  readonly #rules: AclRules;

  constructor({ rules }: { readonly rules: readonly AclRulePlan[] }) {
    this.#rules = new AclRules(rules);
  }

  wants(query: Query, { bytes, offset, length }: ClientAddress): boolean {
    const { nameBytes, nameLength, type } = query;
    const action = this.#rules.decide(nameBytes, nameLength, type, bytes, offset, length);
    if (action !== ACL_ALLOW) return true;
    this.counts[ACL_ALLOW]! += 1;
    return false;
  }

  handle(request: Request, next: Next, done: Done): void {
    const name = foldWireName(nameToWire(request.name));
    const { addressBytes } = request.client;
    const action = this.#rules.decide(
      name,
      name.length,
      request.type,
      addressBytes,
      0,
      addressBytes.length,
    );
    this.counts[action]! += 1;
    switch (action) {
      case ACL_BLOCK:
        done(messageFor(request, { rcode: RCODE_REFUSED, infoCode: EDE_BLOCKED }));
        break;
      case ACL_FILTER:
        done(messageFor(request, { infoCode: EDE_FILTERED }));
        break;
      case ACL_DROP:
        done(null);
        break;
      default:
        next(request, done);
    }
  }
}
