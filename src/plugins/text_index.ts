// Hot path.
/**
 * Many texts at once: is a name one of them, or does it begin or end with one?
 *
 * A name is looked at as text, "www.example.org.", byte by byte: once from its end and, if there
 * are prefixes, once from its start. The hash of every ending (beginning) is looked up where there
 * is a text of that length. So it costs the same for one text and for thousands.
 *
 *   3www7example3org0    text is the wire form from byte 1 on, with dots where labels end
 *    www.example.org.
 */

import { HashIndex, NOT_FOUND } from "../std/hash_index.ts";
import { NAME_BYTES_MAX } from "../wire/constants.ts";
import type { Query } from "../wire/query.ts";

/** FNV-1a, 32 bits. */
const HASH_START = 0x811c9dc5 | 0;
const HASH_PRIME = 0x01000193;
const DOT = 0x2e;

/** Bytes that stand for themselves in names as text: letters, digits and what needs no escape. */
const isPlainByte = new Uint8Array(256);
for (const character of "abcdefghijklmnopqrstuvwxyz0123456789-_*+/=~!#%&'<>?[]^`{}|,:") {
  isPlainByte[character.charCodeAt(0)] = 1;
}

export interface IndexedTexts {
  /** Whole names, with the dot at their end; all in small letters. */
  readonly whole: readonly string[];
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
  readonly substrings: readonly string[];
}

/** All texts of one kind. */
class TextSet {
  readonly count: number;
  readonly #index: HashIndex;
  readonly #texts: readonly Uint8Array[];
  /** Whether there is a text of so many bytes. */
  readonly #hasLength = new Uint8Array(NAME_BYTES_MAX + 1);
  readonly #isFromEnd: boolean;

  constructor(texts: readonly string[], isFromEnd: boolean) {
    const encoder = new TextEncoder();
    // Longer than any name: none is like it.
    const encoded = texts.map((text) => encoder.encode(text));
    this.#texts = encoded.filter((text) => text.length <= NAME_BYTES_MAX);
    this.count = this.#texts.length;
    this.#isFromEnd = isFromEnd;
    this.#index = new HashIndex(this.count);
    this.#texts.forEach((text, position) => {
      let hash = HASH_START;
      for (let at = 0; at < text.length; at++) {
        hash = step(hash, text[isFromEnd ? text.length - 1 - at : at]!);
      }
      this.#index.add(hash, position);
      this.#hasLength[text.length] = 1;
    });
  }

  /** Whether `name[0, length)` begins (ends) with one, or is one when `isWhole`. */
  has(name: Uint8Array, length: number, isWhole: boolean): boolean {
    if (isWhole && this.#hasLength[length] === 0) return false;
    let hash = HASH_START;
    for (let count = 1; count <= length; count++) {
      hash = step(hash, name[this.#isFromEnd ? length - count : count - 1]!);
      if (this.#hasLength[count] === 0 || (isWhole && count !== length)) continue;
      const start = this.#isFromEnd ? length - count : 0;
      if (this.#hasAt(hash, name, start, count)) return true;
    }
    return false;
  }

  /** Whether one of them stands anywhere in `name[0, length)`. */
  isInside(name: Uint8Array, length: number): boolean {
    for (let position = 0; position < this.count; position++) {
      const count = this.#texts[position]!.length;
      for (let start = 0; start + count <= length; start++) {
        if (isAt(this.#texts[position]!, name, start)) return true;
      }
    }
    return false;
  }

  #hasAt(hash: number, name: Uint8Array, start: number, count: number): boolean {
    let position = this.#index.first(hash);
    while (position !== NOT_FOUND) {
      const text = this.#texts[this.#index.value(position)]!;
      if (text.length === count && isAt(text, name, start)) return true;
      position = this.#index.next(position);
    }
    return false;
  }
}

export class TextIndex {
  /** The name last looked at, as text. */
  readonly #name = new Uint8Array(new SharedArrayBuffer(NAME_BYTES_MAX + 1));
  readonly #whole: TextSet;
  readonly #prefixes: TextSet;
  readonly #suffixes: TextSet;
  readonly #substrings: TextSet;

  constructor(texts: IndexedTexts) {
    this.#whole = new TextSet(texts.whole, true);
    this.#prefixes = new TextSet(texts.prefixes, false);
    this.#suffixes = new TextSet(texts.suffixes, true);
    this.#substrings = new TextSet(texts.substrings, false);
  }

  /**
   * Whether one of the texts fits the name of `query`. Also true for every name that needs escapes
   * as text: these are rare, and are for slower code to look at.
   */
  fits(query: Query): boolean {
    const name = this.#name;
    const length = textOf(query, name);
    if (length === 0) return true;
    return (
      (this.#whole.count !== 0 && this.#whole.has(name, length, true)) ||
      (this.#suffixes.count !== 0 && this.#suffixes.has(name, length, false)) ||
      (this.#prefixes.count !== 0 && this.#prefixes.has(name, length, false)) ||
      (this.#substrings.count !== 0 && this.#substrings.isInside(name, length))
    );
  }
}

/** Writes the name of `query` to `into` as text. @returns its length; 0 if it needs escapes. */
function textOf(query: Query, into: Uint8Array): number {
  const { nameBytes, labels, labelCount } = query;
  // The root is a dot that ends nothing.
  if (labelCount === 0) {
    into[0] = DOT;
    return 1;
  }
  const length = query.nameLength - 1;
  for (let label = 0; label < labelCount; label++) {
    const start = labels[label]!;
    const end = start + nameBytes[start]!;
    for (let at = start; at < end; at++) {
      const byte = nameBytes[at + 1]!;
      if (isPlainByte[byte] === 0) return 0;
      into[at] = byte;
    }
    into[end] = DOT;
  }
  return length;
}

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_PRIME);
}

function isAt(text: Uint8Array, name: Uint8Array, start: number): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== name[start + at]) return false;
  }
  return true;
}
