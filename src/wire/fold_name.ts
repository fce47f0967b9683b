// Hot path.
/**
 * Folds a name to lower case and hashes it, four bytes at a time.
 *
 * Names compare without regard to ASCII case and only to that (RFC 4343 §3): any other byte, a dot
 * or zero inside a label included, is itself. The bytes that hold label lengths are at most 63,
 * below "A", so folding a whole name with no regard to its labels leaves them as they are.
 *
 * The hash is HalfSipHash-1-3 over the folded, zero-padded words. Names come from strangers, and a
 * multiply-and-shift hash, seeded or not, has collisions that hold for every seed: a stranger could
 * push chosen names out of the cache. It costs 15 ns more than such a hash for a 30-byte name.
 */

import { QUESTION_FIXED_BYTES } from "./constants.ts";

const SEVEN_BITS = 0x7f7f7f7f;
const TOP_BITS = 0x80808080 | 0;
/** Added to seven bits, sets the top bit from "A" up, and from "[" up. */
const FROM_A = 0x3f3f3f3f;
const ABOVE_Z = 0x25252525;
/** From the top bit of a byte down to 0x20, the bit that makes a letter small. */
const TOP_BIT_TO_CASE_BIT = 2;

const ROUNDS_AT_END = 3;
const END_MARK = 0xff;
const KEY_SPREAD = 0x9e3779b1 | 0;
const START_2 = 0x6c796765;
const START_3 = 0x74656462;

/** Turns the ASCII capitals among the four bytes of `word` into small letters. */
export function foldWord(word: number): number {
  const seven = word & SEVEN_BITS;
  const capital = ((seven + FROM_A) ^ (seven + ABOVE_Z)) & ~word & TOP_BITS;
  return word | (capital >>> TOP_BIT_TO_CASE_BIT);
}

/**
 * Whether two questions of `questionLength` bytes, in any memory and at any alignment, ask the
 * same: names equal but for ASCII case, TYPE and CLASS equal.
 */
export function isSameQuestion(
  one: DataView,
  oneAt: number,
  other: DataView,
  otherAt: number,
  questionLength: number,
): boolean {
  // TYPE and CLASS exactly, for folding would make 65 (HTTPS) and 97 the same. They also hold all
  // bytes that are left over from whole words.
  const fixed = questionLength - QUESTION_FIXED_BYTES;
  if (one.getInt32(oneAt + fixed) !== other.getInt32(otherAt + fixed)) return false;
  const wordsEnd = questionLength & ~3;
  for (let at = 0; at < wordsEnd; at += 4) {
    const word = foldWord(one.getInt32(oneAt + at, true));
    if (word !== foldWord(other.getInt32(otherAt + at, true))) return false;
  }
  return true;
}

/**
 * Writes the folded name at `from[at, at + nameLength)` to `into[0…]`, zero-padded to a whole word.
 *
 * `at` may have any alignment. Reads whole words, so up to three bytes past the name (in a message
 * TYPE and CLASS stand there), and these leave no trace in the result.
 *
 * @param nameLength wire length with the root byte, 1..255.
 * @returns the hash of the folded name under `seed`, a signed 32-bit number, all bits equally good.
 */
export function foldName(
  from: DataView,
  at: number,
  nameLength: number,
  seed: number,
  into: Int32Array,
): number {
  const wordCount = (nameLength + 3) >> 2;
  const padBits = ((wordCount << 2) - nameLength) << 3;
  let v0 = seed | 0;
  let v1 = Math.imul(seed, KEY_SPREAD);
  let v2 = START_2 ^ v0;
  let v3 = START_3 ^ v1;
  for (let index = 0; index < wordCount + ROUNDS_AT_END; index++) {
    let word = 0;
    if (index < wordCount) {
      word = from.getInt32(at + (index << 2), true);
      if (index === wordCount - 1) word &= -1 >>> padBits;
      word = foldWord(word);
      into[index] = word;
    } else if (index === wordCount) {
      v2 ^= END_MARK;
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
