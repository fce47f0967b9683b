/** `dns64`: AAAA records made of A records, for clients behind a NAT64 (RFC 6147). */

import type { PluginCounter } from "../../handoff/plugin_counters.ts";
import {
  CLASS_IN,
  FLAG_AD,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_SOA,
} from "../../wire/constants.ts";
import type { DnsMessage, DnsRecord } from "../../wire/message.ts";
import type { Query } from "../../wire/query.ts";
import type { StageContext } from "../back_plugin.ts";
import type { ClientAddress, Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { TRANSLATED } from "./counters.ts";
import type { Dns64Settings } from "./settings.ts";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const BYTE_BITS = 8;
/** The byte of bits 64 to 71 is skipped (RFC 6052 §2.2). */
const RESERVED_BYTE = 8;
/** ::ffff:0:0/96: such AAAA records are as good as none (RFC 6147 §5.1.4). */
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** The most a made record may live when nothing says how long there is no AAAA (§5.1.7). */
const TTL_SEC_MAX = 600;

export class Dns64Plugin implements FrontPlugin {
  readonly #settings: Dns64Settings;
  /** Queries that got an answer made here. */
  readonly #translated: PluginCounter;

  constructor(settings: Dns64Settings, { counter }: Pick<StageContext, "counter">) {
    this.#settings = settings;
    this.#translated = counter(TRANSLATED.name);
  }

  wants(query: Query, client: ClientAddress): boolean {
    // Who validates by itself (DO and CD) would not accept what is made here (RFC 6147 §5.5).
    if (query.type !== TYPE_AAAA || query.class !== CLASS_IN) return false;
    if ((query.dnssecOk & query.checkingDisabled) === 1) return false;
    return this.#settings.allowIpv4 || isIpv6(client.bytes, client.offset, client.length);
  }

  handle(request: Request, next: Next, done: Done): void {
    if (!this.#concerns(request)) {
      next(request, done);
      return;
    }
    next(request, (found) => {
      const answer = found && withoutMapped(found);
      if (answer === null || !this.#isToBeTranslated(answer)) {
        done(answer);
        return;
      }
      next({ ...request, type: TYPE_A }, (addresses) => {
        const made = addresses && this.#translate(answer, addresses);
        if (made !== null) this.#translated.add();
        done(made ?? answer);
      });
    });
  }

  #concerns(request: Request): boolean {
    const { addressBytes } = request.client;
    if (request.type !== TYPE_AAAA || request.class !== CLASS_IN) return false;
    if (request.dnssecOk && request.checkingDisabled) return false;
    return this.#settings.allowIpv4 || isIpv6(addressBytes, 0, addressBytes.length);
  }

  /** Errors other than NXDOMAIN are treated as an empty answer (RFC 6147 §5.1.2). */
  #isToBeTranslated(answer: DnsMessage): boolean {
    if (answer.rcode === RCODE_NXDOMAIN) return false;
    return this.#settings.translateAll || !answer.answers.some(({ type }) => type === TYPE_AAAA);
  }

  /** @param denied says how long there is no AAAA. @returns null when there is no A either. */
  #translate(denied: DnsMessage, addresses: DnsMessage): DnsMessage | null {
    const { rcode, answers } = addresses;
    if (rcode !== RCODE_NOERROR || !answers.some(({ type }) => type === TYPE_A)) return null;
    const soa = denied.authorities.find(({ type }) => type === TYPE_SOA);
    const ttlSecMax = soa?.ttlSec ?? TTL_SEC_MAX;
    return {
      ...addresses,
      // Nobody has signed this.
      flags: addresses.flags & ~FLAG_AD,
      answers: answers.map((record) =>
        record.type === TYPE_A && record.rdata.length === IPV4_BYTES
          ? this.#made(record, ttlSecMax)
          : record,
      ),
    };
  }

  #made(record: DnsRecord, ttlSecMax: number): DnsRecord {
    const rdata = embed(this.#settings.prefix, record.rdata);
    return { ...record, type: TYPE_AAAA, ttlSec: Math.min(record.ttlSec, ttlSecMax), rdata };
  }
}

/** The IPv6 address that stands for an IPv4 one (RFC 6052 §2.2). */
export function embed({ bytes, bits }: Dns64Settings["prefix"], address: Uint8Array): Uint8Array {
  const made = Uint8Array.from(bytes);
  let at = bits / BYTE_BITS;
  for (const byte of address) {
    if (at === RESERVED_BYTE) at += 1;
    made[at++] = byte;
  }
  return made;
}

function withoutMapped(answer: DnsMessage): DnsMessage {
  const isKept = ({ type, rdata }: DnsRecord) =>
    type !== TYPE_AAAA || !isMapped(rdata, 0) || rdata.length !== IPV6_BYTES;
  if (answer.answers.every(isKept)) return answer;
  return { ...answer, answers: answer.answers.filter(isKept) };
}

/** A client of a socket for both families comes over IPv4 when its address is a mapped one. */
function isIpv6(bytes: Uint8Array, offset: number, length: number): boolean {
  return length === IPV6_BYTES && !isMapped(bytes, offset);
}

function isMapped(bytes: Uint8Array, offset: number): boolean {
  for (let at = 0; at < MAPPED_PREFIX.length; at++) {
    if (bytes[offset + at] !== MAPPED_PREFIX[at]) return false;
  }
  return true;
}
