/** `autopath`: the search list that the client would go through, gone through for it. */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import {
  CLASS_IN,
  RCODE_FORMERR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
  TYPE_CNAME,
} from "../../wire/constants.ts";
import { type DnsMessage, recordOf } from "../../wire/message.ts";
import { isBelow, nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { StageContext } from "../back_plugin.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { SUCCESS } from "./counters.ts";
import type { AutopathSettings } from "./settings.ts";

/** Answers after which the next element of the list is tried. */
const GO_ON = [RCODE_NXDOMAIN, RCODE_SERVFAIL, RCODE_REFUSED, RCODE_FORMERR, RCODE_NOTIMP];

export class AutopathPlugin implements FrontPlugin {
  readonly #zones: readonly Uint8Array[];
  /** In wire form. */
  readonly #first: Uint8Array | null;
  readonly #search: readonly string[];
  /** Queries for which something was found. */
  readonly #success: PluginCounter;

  constructor({ zones, search }: AutopathSettings, { counter }: Pick<StageContext, "counter">) {
    this.#zones = zones.map((zone) => nameToWire(zone));
    this.#first = search.length === 0 ? null : nameToWire(search[0]);
    this.#search = search;
    this.#success = counter(SUCCESS.name);
  }

  wants(query: Query): boolean {
    return query.class === CLASS_IN && this.#isBelowFirst(query.nameBytes, query.nameLength);
  }

  handle(request: Request, next: Next, done: Done): void {
    const wire = nameToWire(request.name);
    if (request.class !== CLASS_IN || !this.#isBelowFirst(wire, wire.length)) {
      next(request, done);
      return;
    }
    const [first, ...rest] = this.#search;
    const base = request.name.slice(0, request.name.length - first.length);
    const names = [request.name, ...rest.map((domain) => base + domain), base];
    this.#try(request, names, next, done);
  }

  /** Asks for `names` in turn. When none is there, the answer to the first is the answer. */
  #try(request: Request, names: readonly string[], next: Next, done: Done): void {
    let first: DnsMessage | null = null;
    const tryFrom = (position: number): void => {
      if (position === names.length) {
        done(first);
        return;
      }
      const name = names[position];
      next({ ...request, name }, (answer) => {
        if (position === 0) first = answer;
        if (answer === null || GO_ON.includes(answer.rcode)) {
          tryFrom(position + 1);
          return;
        }
        this.#success.add();
        done(position === 0 ? answer : withAlias(answer, request.name, name));
      });
    };
    tryFrom(0);
  }

  /** Whether the name is below the first element of the list, and in one of the zones. */
  #isBelowFirst(name: Uint8Array, length: number): boolean {
    if (this.#first === null || length <= this.#first.length) return false;
    if (!isBelow(this.#first, name, length)) return false;
    for (let index = 0; index < this.#zones.length; index++) {
      if (isBelow(this.#zones[index], name, length)) return true;
    }
    return false;
  }
}

/** An alias from the name that was asked for to the one that was found. */
function withAlias(answer: DnsMessage, from: string, to: string): DnsMessage {
  const [record] = answer.answers;
  if (record === undefined) return answer;
  const alias = recordOf(from, TYPE_CNAME, record.ttlSec, nameToWire(to));
  return { ...answer, answers: [alias, ...answer.answers] };
}
