/** `hosts` in the workers: names and addresses as they stand in the entries. See README.md. */

import { parseIpAddress } from "../../std/ip_address.ts";
import { FLAG_AA, RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, TYPE_PTR } from "../../wire/constants.ts";
import { type DnsMessage, messageFor, recordOf } from "../../wire/message.ts";
import { nameToWire } from "../../wire/name.ts";
import type { BackPlugin } from "../back_plugin.ts";
import type { Request } from "../front_plugin.ts";
import { ZoneSet } from "../zone_set.ts";
import type { HostsPlan } from "./plan.ts";
import { reverseName } from "./reverse_name.ts";

const IPV4_BYTES = 4;

export class HostsPlugin implements BackPlugin {
  readonly #plan: HostsPlan;
  readonly #zones: ZoneSet;
  readonly #fallthrough: ZoneSet;
  readonly #ipv4 = new Map<string, Uint8Array[]>();
  readonly #ipv6 = new Map<string, Uint8Array[]>();
  /** Names of an address, by the name that is asked for them. */
  readonly #names = new Map<string, string[]>();

  constructor(plan: HostsPlan) {
    this.#plan = plan;
    this.#zones = new ZoneSet(plan.zones);
    this.#fallthrough = new ZoneSet(plan.fallthrough);
    for (const line of plan.entries.split("\n")) {
      if (line !== "") this.#addLine(line);
    }
  }

  answer(request: Request): DnsMessage | null {
    const { name, type } = request;
    // Reverse zones need not be named.
    if (type === TYPE_PTR) return this.#reverseAnswer(request);
    if (this.#zones.find(name) === null) return null;
    const isIpv4 = type === TYPE_A;
    const isSupported = isIpv4 || type === TYPE_AAAA;
    const addresses = isSupported ? find(isIpv4 ? this.#ipv4 : this.#ipv6, name) : [];
    const { ttlSec, fallthroughUnsupported } = this.#plan;
    if (addresses.length > 0) {
      return messageFor(request, {
        flags: FLAG_AA,
        answers: addresses.map((address) => recordOf(name, type, ttlSec, address)),
      });
    }
    const fallsThrough = this.#fallthrough.find(name) !== null;
    const exists = find(this.#ipv4, name).length > 0 || find(this.#ipv6, name).length > 0;
    if (exists && !(fallsThrough && fallthroughUnsupported && !isSupported)) {
      return messageFor(request, { flags: FLAG_AA });
    }
    // There is no SOA to deny the name with.
    return fallsThrough ? null : messageFor(request, { rcode: RCODE_SERVFAIL });
  }

  #reverseAnswer(request: Request): DnsMessage | null {
    const names = this.#names.get(request.name);
    if (names === undefined) return null;
    const { ttlSec } = this.#plan;
    return messageFor(request, {
      flags: FLAG_AA,
      answers: names.map((name) => recordOf(request.name, TYPE_PTR, ttlSec, nameToWire(name))),
    });
  }

  #addLine(line: string): void {
    const [text, ...names] = line.split(" ");
    const address = parseIpAddress(text!);
    if (address === null) return;
    const isIpv4 = address.length === IPV4_BYTES;
    const reverse = reverseName(address);
    for (const name of names) {
      if (this.#zones.find(name) === null) continue;
      add(isIpv4 ? this.#ipv4 : this.#ipv6, name, address, isSameAddress);
      if (this.#plan.reverse && !name.startsWith("*.")) {
        add(this.#names, reverse, name, Object.is);
      }
    }
  }
}

/** The addresses of a name, or of the `*` that stands for its first label. */
function find(addresses: ReadonlyMap<string, Uint8Array[]>, name: string): readonly Uint8Array[] {
  const found = addresses.get(name);
  if (found !== undefined) return found;
  return addresses.get(name.replace(/^(?:\\.|[^\\.])+/, "*")) ?? [];
}

function add<Value>(
  map: Map<string, Value[]>,
  key: string,
  value: Value,
  isSame: (one: Value, other: Value) => boolean,
): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else if (!values.some((other) => isSame(value, other))) values.push(value);
}

function isSameAddress(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, index) => byte === other[index]);
}
