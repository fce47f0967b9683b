/** `any`: one short record in place of all that there are (RFC 8482 §4.2). */

import { TYPE_ANY, TYPE_HINFO } from "../../wire/constants.ts";
import { messageFor, recordOf } from "../../wire/message.ts";
import type { Query } from "../../wire/query.ts";
import { characterString } from "../../wire/rdata_parts.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";

/** As in CoreDNS: the number of the RFC. */
const TTL_SEC = 8482;
const RDATA = Uint8Array.from([
  ...characterString("ANY obsoleted"),
  ...characterString("See RFC 8482"),
]);

export class AnyPlugin implements FrontPlugin {
  wants(query: Query): boolean {
    return query.type === TYPE_ANY;
  }

  handle(request: Request, next: Next, done: Done): void {
    if (request.type !== TYPE_ANY) {
      next(request, done);
      return;
    }
    done(messageFor(request, { answers: [recordOf(request.name, TYPE_HINFO, TTL_SEC, RDATA)] }));
  }
}
