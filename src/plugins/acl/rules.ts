// Hot path.
/**
 * `acl` directives in the form in which they are asked: every query passes them.
 *
 * Addresses are compared bit by bit from their start; an IPv4 address that came mapped into IPv6
 * (RFC 4291 §2.5.5.2) is one of IPv4.
 */

import { parseIpAddress } from "../../std/ip_address.ts";
import { isBelow, nameToWire } from "../../wire/name.ts";
import type { AclAction, AclRulePlan } from "./plan.ts";

/** No policy fits: as `ALLOW`, but for counters. */
export const ACL_ALLOW = 0;
export const ACL_BLOCK = 1;
export const ACL_FILTER = 2;
export const ACL_DROP = 3;
const NO_ACTION = -1;
const ACTIONS: readonly AclAction[] = ["allow", "block", "filter", "drop"];

const TYPES = 65_536;
const MAPPED_BYTES = 12;
const IPV6_BYTES = 16;

interface Net {
  readonly bytes: Uint8Array;
  /** Bytes of the prefix that are whole, and the bits of the next one. */
  readonly wholeBytes: number;
  readonly lastMask: number;
}

interface Policy {
  readonly action: number;
  /** A bit per type; null: every type. */
  readonly types: Uint8Array | null;
  /** Null: everybody. */
  readonly nets: readonly Net[] | null;
}

interface Rule {
  /** Folded wire names. */
  readonly zones: readonly Uint8Array[];
  readonly policies: readonly Policy[];
}

export class AclRules {
  readonly #rules: readonly Rule[];

  constructor(plans: readonly AclRulePlan[]) {
    this.#rules = plans.map(({ zones, policies }) => ({
      zones: zones.map((zone) => nameToWire(zone)),
      policies: policies.map(({ action, types, nets }) => ({
        action: ACTIONS.indexOf(action),
        types: types.length === 0 ? null : bitsOf(types),
        nets: nets.length === 0 ? null : nets.map(({ address, bits }) => netOf(address, bits)),
      })),
    }));
  }

  /**
   * What is to be done with a question.
   *
   * @param name folded wire name.
   * @param address of the client in network order: `addressLength` bytes, 4 or 16, at `offset`.
   * @returns ACL_ALLOW or another of the codes above.
   */
  decide(
    name: Uint8Array,
    nameLength: number,
    type: number,
    address: Uint8Array,
    offset: number,
    addressLength: number,
  ): number {
    const isMapped = addressLength === IPV6_BYTES && isMappedAt(address, offset);
    const start = isMapped ? offset + MAPPED_BYTES : offset;
    const length = isMapped ? IPV6_BYTES - MAPPED_BYTES : addressLength;
    for (let index = 0; index < this.#rules.length; index++) {
      const { zones, policies } = this.#rules[index]!;
      if (!isInOne(zones, name, nameLength)) continue;
      const action = actionOf(policies, type, address, start, length);
      if (action !== NO_ACTION) return action;
    }
    return ACL_ALLOW;
  }
}

function actionOf(
  policies: readonly Policy[],
  type: number,
  address: Uint8Array,
  start: number,
  length: number,
): number {
  for (let index = 0; index < policies.length; index++) {
    const { action, types, nets } = policies[index]!;
    if (types !== null && (types[type >> 3]! & (1 << (type & 7))) === 0) continue;
    if (nets === null || isFromOne(nets, address, start, length)) return action;
  }
  return NO_ACTION;
}

function isInOne(zones: readonly Uint8Array[], name: Uint8Array, nameLength: number): boolean {
  for (let index = 0; index < zones.length; index++) {
    if (isBelow(zones[index]!, name, nameLength)) return true;
  }
  return false;
}

function isFromOne(
  nets: readonly Net[],
  address: Uint8Array,
  start: number,
  length: number,
): boolean {
  for (let index = 0; index < nets.length; index++) {
    if (isFrom(nets[index]!, address, start, length)) return true;
  }
  return false;
}

function isFrom(net: Net, address: Uint8Array, start: number, length: number): boolean {
  const { bytes, wholeBytes, lastMask } = net;
  if (bytes.length !== length) return false;
  for (let at = 0; at < wholeBytes; at++) {
    if (bytes[at] !== address[start + at]) return false;
  }
  return lastMask === 0 || ((bytes[wholeBytes]! ^ address[start + wholeBytes]!) & lastMask) === 0;
}

function isMappedAt(address: Uint8Array, offset: number): boolean {
  for (let at = 0; at < MAPPED_BYTES; at++) {
    if (address[offset + at] !== (at < MAPPED_BYTES - 2 ? 0 : 0xff)) return false;
  }
  return true;
}

/** Cold: once per rule. */
function bitsOf(types: readonly number[]): Uint8Array {
  const bits = new Uint8Array(TYPES >> 3);
  for (const type of types) bits[type >> 3]! |= 1 << (type & 7);
  return bits;
}

/** Cold: once per rule. */
function netOf(address: string, bits: number): Net {
  const bytes = parseIpAddress(address)!;
  return { bytes, wholeBytes: bits >> 3, lastMask: (0xff00 >> (bits & 7)) & 0xff };
}
