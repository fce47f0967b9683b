/** `acl` in the workers: queries that are not allowed go no further. See README.md. */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import { EDE_BLOCKED, EDE_FILTERED, RCODE_REFUSED } from "../../wire/constants.ts";
import { messageFor } from "../../wire/message.ts";
import { foldWireName, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { StageContext } from "../back_plugin.ts";
import type { ClientAddress, Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { ALLOWED, BLOCKED, DROPPED, FILTERED } from "./counters.ts";
import type { AclRulePlan } from "./plan.ts";
import { ACL_ALLOW, ACL_BLOCK, ACL_DROP, ACL_FILTER, AclRules } from "./rules.ts";

export class AclPlugin implements FrontPlugin {
  readonly #rules: AclRules;
  readonly #allowed: PluginCounter;
  readonly #blocked: PluginCounter;
  readonly #filtered: PluginCounter;
  readonly #dropped: PluginCounter;

  constructor(
    { rules }: { readonly rules: readonly AclRulePlan[] },
    { counter }: Pick<StageContext, "counter">,
  ) {
    this.#rules = new AclRules(rules);
    this.#allowed = counter(ALLOWED.name);
    this.#blocked = counter(BLOCKED.name);
    this.#filtered = counter(FILTERED.name);
    this.#dropped = counter(DROPPED.name);
  }

  wants(query: Query, { bytes, offset, length }: ClientAddress): boolean {
    const { nameBytes, nameLength, type } = query;
    return this.#rules.decide(nameBytes, nameLength, type, bytes, offset, length) !== ACL_ALLOW;
  }

  /** What nobody wants is allowed, or we would want it. */
  pass(): void {
    this.#allowed.add();
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
    switch (action) {
      case ACL_BLOCK:
        this.#blocked.add();
        done(messageFor(request, { rcode: RCODE_REFUSED, infoCode: EDE_BLOCKED }));
        break;
      case ACL_FILTER:
        this.#filtered.add();
        done(messageFor(request, { infoCode: EDE_FILTERED }));
        break;
      case ACL_DROP:
        this.#dropped.add();
        done(null);
        break;
      default:
        this.#allowed.add();
        next(request, done);
    }
  }
}
