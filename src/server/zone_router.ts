// Hot path.
/**
 * Finds the zone that a name belongs to: the longest one that the name is in or below.
 *
 * Zones are hashed byte by byte from their end, root first, so that one walk over the name from its
 * end meets the hash of every suffix; each label start on the way is looked up. A root-only
 * configuration does not walk at all.
 *
 *   name    3www 7example 3org 0          hash after "0", "3org0", "7example3org0", …
 */

import type { ZoneRoute } from "../handoff/plan.ts";
import { HashIndex, NOT_FOUND } from "../std/hash_index.ts";
import { nameToWire } from "../wire/name.ts";

export const NO_SCOPE = -1;
/** FNV-1a, 32 bits. */
const HASH_START = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;

export class ZoneRouter {
  readonly #index: HashIndex;
  /** Folded wire names of the zones, in the order of `#scopes`. */
  readonly #zones: readonly Uint8Array[];
  readonly #scopes: Int32Array;
  #rootScope = NO_SCOPE;
  readonly #onlyRoot: boolean;

  constructor(routes: readonly ZoneRoute[]) {
    this.#index = new HashIndex(routes.length);
    this.#zones = routes.map((route) => nameToWire(route.zone.toLowerCase()));
    this.#scopes = Int32Array.from(routes, (route) => route.scope);
    this.#zones.forEach((zone, position) => {
      if (zone.length === 1) this.#rootScope = this.#scopes[position]!;
      else this.#index.add(hashOf(zone), position);
    });
    this.#onlyRoot = this.#zones.every((zone) => zone.length === 1);
  }

  /**
   * The scope of the zone that holds the folded name, or NO_SCOPE.
   *
   * @param labels offsets within the name where its labels start, `labelCount` of them.
   */
  find(name: Uint8Array, nameLength: number, labels: Uint8Array, labelCount: number): number {
    if (this.#onlyRoot) return this.#rootScope;
    let best = this.#rootScope;
    let hash = step(HASH_START, 0);
    let at = nameLength - 1;
    for (let label = labelCount - 1; label >= 0; label--) {
      const start = labels[label]!;
      while (at > start) {
        at -= 1;
        hash = step(hash, name[at]!);
      }
      const scope = this.#lookUp(hash, name, start, nameLength);
      if (scope !== NO_SCOPE) best = scope;
    }
    return best;
  }

  #lookUp(hash: number, name: Uint8Array, start: number, nameLength: number): number {
    let position = this.#index.first(hash);
    while (position !== NOT_FOUND) {
      const zone = this.#index.value(position);
      if (isSuffix(this.#zones[zone]!, name, start, nameLength)) return this.#scopes[zone]!;
      position = this.#index.next(position);
    }
    return NO_SCOPE;
  }
}

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_PRIME);
}

function hashOf(zone: Uint8Array): number {
  let hash = HASH_START;
  for (let at = zone.length - 1; at >= 0; at--) hash = step(hash, zone[at]!);
  return hash;
}

function isSuffix(zone: Uint8Array, name: Uint8Array, start: number, nameLength: number): boolean {
  if (zone.length !== nameLength - start) return false;
  for (let at = 0; at < zone.length; at++) {
    if (zone[at] !== name[start + at]) return false;
  }
  return true;
}
