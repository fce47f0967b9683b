// Hot path.
/** Which addresses come first: by the prefix they are in, or by the weight they have. */

import { HashIndex, NOT_FOUND } from "../../std/hash_index.ts";
import { expandName, foldByte } from "../../wire/compressed_name.ts";
import { NAME_BYTES_MAX } from "../../wire/constants.ts";
import { nameToWire } from "../../wire/name.ts";
import type { AddressPrefix, WeightedName } from "./settings.ts";

const BYTE_BITS = 8;
/** FNV-1a, 32 bits. */
const HASH_START = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;
const WEIGHT_DEFAULT = 1;
export const NO_NAME = -1;

export class AddressPrefixes {
  readonly count: number;
  readonly #bytes: readonly Uint8Array[];
  readonly #bits: readonly number[];

  constructor(prefixes: readonly AddressPrefix[]) {
    this.count = prefixes.length;
    this.#bytes = prefixes.map(({ bytes }) => Uint8Array.from(bytes));
    this.#bits = prefixes.map(({ bits }) => bits);
  }

  /** The number of the first prefix that holds the address; `count` when none does. */
  rank(bytes: Uint8Array, address: number, length: number): number {
    for (let prefix = 0; prefix < this.count; prefix++) {
      const wanted = this.#bytes[prefix]!;
      if (wanted.length === length && this.#holds(wanted, this.#bits[prefix]!, bytes, address)) {
        return prefix;
      }
    }
    return this.count;
  }

  #holds(prefix: Uint8Array, bits: number, bytes: Uint8Array, address: number): boolean {
    const whole = bits >> 3;
    for (let at = 0; at < whole; at++) {
      if (prefix[at] !== bytes[address + at]) return false;
    }
    const rest = bits & (BYTE_BITS - 1);
    if (rest === 0) return true;
    return ((prefix[whole]! ^ bytes[address + whole]!) & (0xff << (BYTE_BITS - rest))) === 0;
  }
}

export class AddressWeights {
  readonly #index: HashIndex;
  readonly #names: readonly Uint8Array[];
  readonly #addresses: readonly (readonly Uint8Array[])[];
  readonly #weights: readonly (readonly number[])[];
  readonly #name = new Uint8Array(new SharedArrayBuffer(NAME_BYTES_MAX + 1));

  constructor(names: readonly WeightedName[]) {
    this.#index = new HashIndex(names.length);
    this.#names = names.map(({ name }) => nameToWire(name));
    this.#addresses = names.map(({ addresses }) =>
      addresses.map(({ bytes }) => Uint8Array.from(bytes)),
    );
    this.#weights = names.map(({ addresses }) => addresses.map(({ weight }) => weight));
    this.#names.forEach((name, number) => {
      this.#index.add(hashOf(name, name.length), number);
    });
  }

  /** The number of the name at `owner` of a message, or NO_NAME. */
  find(bytes: Uint8Array, message: number, owner: number): number {
    const name = this.#name;
    const length = expandName(bytes, message, owner, name);
    for (let at = 0; at < length; at++) name[at] = foldByte(name[at]!);
    let position = this.#index.first(hashOf(name, length));
    while (position !== NOT_FOUND) {
      const number = this.#index.value(position);
      if (isEqual(this.#names[number]!, name, 0, length)) return number;
      position = this.#index.next(position);
    }
    return NO_NAME;
  }

  /** The weight of an address of the name `number`; 1 for those that have none. */
  weight(number: number, bytes: Uint8Array, address: number, length: number): number {
    if (number === NO_NAME) return WEIGHT_DEFAULT;
    const addresses = this.#addresses[number]!;
    for (let index = 0; index < addresses.length; index++) {
      if (isEqual(addresses[index]!, bytes, address, length)) return this.#weights[number]![index]!;
    }
    return WEIGHT_DEFAULT;
  }
}

function hashOf(name: Uint8Array, length: number): number {
  let hash = HASH_START;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ name[at]!, HASH_PRIME);
  return hash;
}

function isEqual(wanted: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (wanted.length !== length) return false;
  for (let at = 0; at < length; at++) {
    if (wanted[at] !== bytes[start + at]) return false;
  }
  return true;
}
