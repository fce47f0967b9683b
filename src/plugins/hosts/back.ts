/** `hosts` in the workers: names and addresses as they stand in the entries. See README.md. */

import { parseIpAddress } from "../../std/ip_address.ts";
import { FLAG_AA, RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, TYPE_PTR } from "../../wire/constants.ts";
import { type DnsMessage, messageFor, recordOf } from "../../wire/message.ts";
import { nameToWire } from "../../wire/name.ts";
import type { BackPlugin } from "../back_plugin.ts";
import type { Request } from "../front_plugin.ts";
import { ZoneSet } from "../zone_set.ts";
import type { HostsPlan } from "./plan.ts";
import { addressOfReverseName } from "./reverse_name.ts";

export class HostsPlugin implements BackPlugin {
  readonly #plan: HostsPlan;
  readonly #zones: ZoneSet;
  readonly #fallthrough: ZoneSet;
  // Addresses are kept as text: most are never asked for, and loading is all the quicker.
  readonly #ipv4 = new Map<string, string[]>();
  readonly #ipv6 = new Map<string, string[]>();
  /** Names by address. */
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
        answers: addresses.map((text) => recordOf(name, type, ttlSec, parseIpAddress(text)!)),
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
    const address = addressOfReverseName(request.name);
    const names = address === null ? undefined : this.#names.get(address);
    if (names === undefined) return null;
    const { ttlSec } = this.#plan;
    return messageFor(request, {
      flags: FLAG_AA,
      answers: names.map((name) => recordOf(request.name, TYPE_PTR, ttlSec, nameToWire(name))),
    });
  }

  #addLine(line: string): void {
    const [address, ...names] = line.split(" ");
    const addresses = address!.includes(":") ? this.#ipv6 : this.#ipv4;
    for (const name of names) {
      if (this.#zones.find(name) === null) continue;
      add(addresses, name, address!);
      if (this.#plan.reverse && !name.startsWith("*.")) add(this.#names, address!, name);
    }
  }
}

/** The addresses of a name, or of the `*` that stands for its first label. */
function find(addresses: ReadonlyMap<string, string[]>, name: string): readonly string[] {
  const found = addresses.get(name);
  if (found !== undefined) return found;
  return addresses.get(name.replace(/^(?:\\.|[^\\.])+/, "*")) ?? [];
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else if (!values.includes(value)) values.push(value);
}
