// Hot path.
/**
 * Finds the zone that a name belongs to: the longest one that the name is in or below.
 *
 * Zones are hashed byte by byte from their end, root first, so that one walk over the name from its
 * end meets the hash of every suffix. The index knows all zones and all that zones are below; at
 * the first suffix that is none of these there is nothing more to be found. So of most names only
 * the last label is looked at, and none where there is only the root.
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
  /** Folded wire names of zones and of what they are below, in the order of `#scopes`. */
  readonly #names: readonly Uint8Array[];
  /** NO_SCOPE where the name is no zone itself. */
  readonly #scopes: Int32Array;
  readonly #rootScope: number;
  readonly #onlyRoot: boolean;

  constructor(routes: readonly ZoneRoute[]) {
    const known = new Map<string, { readonly name: Uint8Array; scope: number }>();
    for (const { zone, scope } of routes) {
      const wire = nameToWire(zone.toLowerCase());
      for (let start = 0; start < wire.length; start += wire[start]! + 1) {
        const name = wire.subarray(start);
        const key = name.join();
        const node = known.get(key) ?? { name, scope: NO_SCOPE };
        if (start === 0) node.scope = scope;
        known.set(key, node);
      }
    }
    const nodes = [...known.values()];
    this.#rootScope = nodes.find(({ name }) => name.length === 1)?.scope ?? NO_SCOPE;
    const below = nodes.filter(({ name }) => name.length > 1);
    this.#names = below.map(({ name }) => name);
    this.#scopes = Int32Array.from(below, ({ scope }) => scope);
    this.#index = new HashIndex(this.#names.length);
    this.#names.forEach((name, position) => {
      this.#index.add(hashOf(name), position);
    });
    this.#onlyRoot = this.#names.length === 0;
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
      const position = this.#lookUp(hash, name, start, nameLength);
      if (position === NOT_FOUND) break;
      const scope = this.#scopes[position]!;
      if (scope !== NO_SCOPE) best = scope;
    }
    return best;
  }

  /** The position of the suffix of `name` from `start`, or NOT_FOUND. */
  #lookUp(hash: number, name: Uint8Array, start: number, nameLength: number): number {
    let entry = this.#index.first(hash);
    while (entry !== NOT_FOUND) {
      const position = this.#index.value(entry);
      if (isSuffix(this.#names[position]!, name, start, nameLength)) return position;
      entry = this.#index.next(entry);
    }
    return NOT_FOUND;
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
