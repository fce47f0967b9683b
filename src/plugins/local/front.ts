/** `local`: what means the machine itself is answered here. See README.md. */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import { FLAG_AA, TYPE_A, TYPE_AAAA, TYPE_NS, TYPE_PTR, TYPE_SOA } from "../../wire/constants.ts";
import { type DnsMessage, type DnsRecord, messageFor, recordOf } from "../../wire/message.ts";
import { nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import { joinBytes, words16 } from "../../wire/rdata_parts.ts";
import type { StageContext } from "../back_plugin.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { ZoneSet } from "../zone_set.ts";
import { LOCALHOST_REQUESTS } from "./counters.ts";
import { isLocal, LOCAL_ZONES } from "./names.ts";

/** A week, as in CoreDNS. */
const TTL_SEC = 604_800;
const LOCALHOST = "localhost.";
const IPV4 = Uint8Array.of(127, 0, 0, 1);
const IPV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const PTR_OF_127 = /^(?:[0-9]{1,3}\.){3}127\.in-addr\.arpa\.$/;
const SOA_NUMBERS = [1, 0, 0, 0, TTL_SEC];
const ZONES = new ZoneSet([LOCALHOST, ...LOCAL_ZONES]);
const PTR_OF_ONE = LOCAL_ZONES.at(-1)!;

export class LocalPlugin implements FrontPlugin {
  /** Questions for `localhost.` with something behind it, that a search path has made. */
  readonly #localhost: PluginCounter;

  constructor({ counter }: Pick<StageContext, "counter">) {
    this.#localhost = counter(LOCALHOST_REQUESTS.name);
  }

  wants(query: Query): boolean {
    return isLocal(query);
  }

  handle(request: Request, next: Next, done: Done): void {
    const { name } = request;
    if (name !== LOCALHOST && name.startsWith(LOCALHOST)) {
      this.#localhost.add();
      done(answerWith(request, name, loopback(request)));
      return;
    }
    const zone = ZONES.find(name);
    if (zone === null) next(request, done);
    else done(answerWith(request, zone, recordsOf(request, zone)));
  }
}

function recordsOf(request: Request, zone: string): DnsRecord[] {
  const { name, type } = request;
  if (zone === LOCALHOST && (type === TYPE_A || type === TYPE_AAAA)) return loopback(request);
  if (name === zone && type === TYPE_SOA) return [soaOf(zone)];
  const localhost = nameToWire(LOCALHOST);
  if (name === zone && type === TYPE_NS) return [recordOf(name, TYPE_NS, TTL_SEC, localhost)];
  const isMachine = PTR_OF_127.test(name) || name === PTR_OF_ONE;
  return isMachine && type === TYPE_PTR ? [recordOf(name, TYPE_PTR, TTL_SEC, localhost)] : [];
}

function loopback({ name, type }: Request): DnsRecord[] {
  if (type === TYPE_A) return [recordOf(name, type, TTL_SEC, IPV4)];
  return type === TYPE_AAAA ? [recordOf(name, type, TTL_SEC, IPV6)] : [];
}

function answerWith(request: Request, zone: string, answers: readonly DnsRecord[]): DnsMessage {
  const authorities = answers.length === 0 ? [soaOf(zone)] : [];
  return messageFor(request, { flags: FLAG_AA, answers, authorities });
}

function soaOf(zone: string): DnsRecord {
  const numbers = SOA_NUMBERS.map((number) => words16(number >> 16, number & 0xffff));
  const names = [nameToWire(LOCALHOST), nameToWire(`root.${LOCALHOST}`)];
  return recordOf(zone, TYPE_SOA, TTL_SEC, joinBytes(...names, ...numbers));
}
