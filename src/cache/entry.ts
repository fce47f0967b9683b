// Hot path.
/**
 * One cached answer: how its bytes lie, how they are read, and how an image of one is built.
 *
 * An entry is at a multiple of 16 bytes in the cache's memory; an *image* is the same bytes at a
 * multiple of 4 in scratch memory, before it is stored. All numbers are in host byte order, except
 * inside the message, which is DNS wire bytes.
 *
 *   word  0  hash            of the whole key, see keyHash()
 *         1  sequence        new with every write; a reader that saw another one has torn bytes
 *         2  storedAtSec     on the caller's clock; not before word 3: when a refresh failed last
 *         3  expiresAtSec    on the same clock
 *         4  messageLength   << 16 | units: 16-byte units allocated, which may be more than needed
 *         5  kind << 24      | variant << 16 | view
 *         6  nameLength << 16 | ttlCount
 *         7  type << 16      | class
 *         8  older           neighbours in the list of the entries of the same view and class,
 *         9  newer           as unit numbers, 0 at the ends; only writers look at them
 *        10  message         messageLength bytes; its question name is the key's name, lower case
 *         …  padding to 4    then ttlCount offsets of TTL fields in the message, u16 each
 *
 * The key is (view, variant, type, class, name). The kind 0 marks bytes that nobody may use any
 * more. Knows nothing of where entries are and who evicts them.
 */
import type { Decision } from "./policy.ts";

/** Entries begin at, and are sized in, multiples of this. */
export const UNIT_BYTES = 16;
export const UNIT_WORDS = 4;

export const ENTRY_HASH = 0;
export const ENTRY_SEQUENCE = 1;
export const ENTRY_STORED_AT = 2;
export const ENTRY_EXPIRES_AT = 3;
export const ENTRY_SIZES = 4;
export const ENTRY_OWNER = 5;
export const ENTRY_COUNTS = 6;
export const ENTRY_QUESTION = 7;
export const ENTRY_OLDER = 8;
export const ENTRY_NEWER = 9;
export const ENTRY_HEADER_WORDS = 10;
/** The message begins this many bytes after the entry. */
export const ENTRY_HEADER_BYTES = 40;
/** The question name begins this many words after the entry: 12 bytes of DNS header in between. */
export const ENTRY_NAME_WORDS = 13;

/** Bits of `variant`: what besides the question makes two answers different. */
export const VARIANT_DNSSEC_OK = 1;
export const VARIANT_CHECKING_DISABLED = 2;
/** The query asked for no recursion, so that the answer may be a referral's poor relation. */
export const VARIANT_NO_RECURSION = 4;

export const KIND_DEAD = 0;
export const KIND_SUCCESS = 1;
/** NXDOMAIN and NODATA. */
export const KIND_DENIAL = 2;
/** SERVFAIL, and what else says that the upstream could not answer (RFC 9520 §2). */
export const KIND_SERVFAIL = 3;

/** TTL fields of a message of 65,535 bytes at most: a record has 11 bytes or more. */
export const TTLS_MAX = 5957;
/** The largest image: header, message, padding, TTL offsets. */
export const IMAGE_BYTES_MAX = ENTRY_HEADER_BYTES + 65_536 + 2 * TTLS_MAX + 2;

/** The part of ENTRY_OWNER that belongs to the key. */
export const OWNER_KEY_MASK = 0x00ff_ffff;
const KIND_SHIFT = 24;
const VARIANT_SHIFT = 16;
const LOW_16 = 0xffff;
const TTL_OFFSET_BYTES = 2;

/**
 * The hash under which a key is indexed, as a signed 32-bit integer.
 *
 * @param nameHash seeded hash of the folded name. Everything else is mixed in without a seed of its
 * own: who cannot guess `nameHash` cannot aim at a bucket.
 */
export function keyHash(
  nameHash: number,
  type: number,
  dnsClass: number,
  variant: number,
  view: number,
): number {
  let hash = Math.imul(nameHash ^ ((type << 16) | dnsClass), 0x85eb_ca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash ^ ((view << 8) | variant), 0xc2b2_ae35);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x9e37_79b1);
  return hash ^ (hash >>> 15);
}

/** Whether the entry at word `at` has this key. `name` is padded with zeros to a whole word. */
export function entryHasKey(
  words: Int32Array,
  at: number,
  hash: number,
  question: number,
  owner: number,
  name: Int32Array,
  nameAt: number,
  nameLength: number,
): boolean {
  if (words[at + ENTRY_HASH] !== hash) return false;
  if (words[at + ENTRY_QUESTION] !== question) return false;
  if ((words[at + ENTRY_OWNER] & OWNER_KEY_MASK) !== owner) return false;
  if (words[at + ENTRY_COUNTS] >>> 16 !== nameLength) return false;
  const from = at + ENTRY_NAME_WORDS;
  const whole = nameLength >>> 2;
  for (let i = 0; i < whole; i++) if (words[from + i] !== name[nameAt + i]) return false;
  const rest = nameLength & 3;
  if (rest === 0) return true;
  // In the message, the bytes after the name are the question's type and class.
  return ((words[from + whole] ^ name[nameAt + whole]) & ((1 << (rest << 3)) - 1)) === 0;
}

/** Word ENTRY_QUESTION of a key. */
export function questionWord(type: number, dnsClass: number): number {
  return (type << 16) | dnsClass;
}

/** Word ENTRY_OWNER of a key, without the kind. */
export function ownerWord(view: number, variant: number): number {
  return (variant << VARIANT_SHIFT) | view;
}

// Accessors. `at` is the number of the entry's first word: its offset in bytes >>> 2.

export function entryHash(words: Int32Array, at: number): number {
  return words[at + ENTRY_HASH];
}

export function entryStoredAtSec(words: Int32Array, at: number): number {
  return words[at + ENTRY_STORED_AT];
}

export function entryExpiresAtSec(words: Int32Array, at: number): number {
  return words[at + ENTRY_EXPIRES_AT];
}

/** Allocated size in units of 16 bytes. */
export function entryUnits(words: Int32Array, at: number): number {
  return words[at + ENTRY_SIZES] & LOW_16;
}

export function entryMessageLength(words: Int32Array, at: number): number {
  return words[at + ENTRY_SIZES] >>> 16;
}

export function entryView(words: Int32Array, at: number): number {
  return words[at + ENTRY_OWNER] & LOW_16;
}

export function entryVariant(words: Int32Array, at: number): number {
  return (words[at + ENTRY_OWNER] >>> VARIANT_SHIFT) & 0xff;
}

/** KIND_SUCCESS, KIND_DENIAL or KIND_SERVFAIL; KIND_DEAD for bytes nobody may use. */
export function entryKind(words: Int32Array, at: number): number {
  return words[at + ENTRY_OWNER] >>> KIND_SHIFT;
}

/** Marks the entry as bytes that the next eviction gives back. */
export function killEntry(words: Int32Array, at: number): void {
  words[at + ENTRY_OWNER] &= OWNER_KEY_MASK;
}

export function entryTtlCount(words: Int32Array, at: number): number {
  return words[at + ENTRY_COUNTS] & LOW_16;
}

/** Wire length of the name, root included. */
export function entryNameLength(words: Int32Array, at: number): number {
  return words[at + ENTRY_COUNTS] >>> 16;
}

export function entryType(words: Int32Array, at: number): number {
  return words[at + ENTRY_QUESTION] >>> 16;
}

export function entryClass(words: Int32Array, at: number): number {
  return words[at + ENTRY_QUESTION] & LOW_16;
}

/** Offset in bytes of the message of the entry at byte `entry`. */
export function entryMessageOffset(entry: number): number {
  return entry + ENTRY_HEADER_BYTES;
}

/** Offset in bytes of the list of TTL offsets, for a message of `messageLength` bytes. */
export function entryTtlsOffset(entry: number, messageLength: number): number {
  return entry + ENTRY_HEADER_BYTES + ((messageLength + 3) & ~3);
}

/** Words that an entry needs, whatever is allocated for it. */
export function neededWords(messageLength: number, ttlCount: number): number {
  return ENTRY_HEADER_WORDS + ((messageLength + 3) >>> 2) + ((ttlCount + 1) >>> 1);
}

/** Words in use of the entry or image at word `at`. */
export function entryWords(words: Int32Array, at: number): number {
  return neededWords(entryMessageLength(words, at), entryTtlCount(words, at));
}

/**
 * Completes an image whose cleaned message already stands in scratch memory.
 *
 * The message must begin at `image + ENTRY_HEADER_BYTES` and begin with its question, the name in
 * lower case and uncompressed. Its TTLs are within the limits of `decision`.
 *
 * @param image offset in bytes, a multiple of 4, of the image in `words` and `view`.
 * @param ttlOffsets where in the message the TTL fields are; `ttlCount` of them, TTLS_MAX at most.
 * @param nowSec on the clock that later `store()` and `find()` callers use.
 * @returns the number of bytes of the image.
 */
export function buildEntry(
  words: Int32Array,
  view: DataView,
  image: number,
  messageLength: number,
  ttlOffsets: Uint16Array,
  ttlCount: number,
  nameHash: number,
  nameLength: number,
  type: number,
  dnsClass: number,
  variant: number,
  viewId: number,
  decision: Decision,
  nowSec: number,
): number {
  const at = image >>> 2;
  words[at + ENTRY_HASH] = keyHash(nameHash, type, dnsClass, variant, viewId);
  words[at + ENTRY_SEQUENCE] = 0;
  words[at + ENTRY_STORED_AT] = nowSec;
  words[at + ENTRY_EXPIRES_AT] = nowSec + decision.lifetimeSec;
  words[at + ENTRY_OWNER] = (decision.kind << KIND_SHIFT) | ownerWord(viewId, variant);
  words[at + ENTRY_COUNTS] = (nameLength << 16) | ttlCount;
  words[at + ENTRY_QUESTION] = questionWord(type, dnsClass);
  words[at + ENTRY_OLDER] = 0;
  words[at + ENTRY_NEWER] = 0;
  const needed = neededWords(messageLength, ttlCount);
  words[at + ENTRY_SIZES] = (messageLength << 16) | unitsOfWords(needed);
  const ttls = entryTtlsOffset(image, messageLength);
  for (let i = image + ENTRY_HEADER_BYTES + messageLength; i < ttls; i++) view.setUint8(i, 0);
  for (let i = 0; i < ttlCount; i++) {
    view.setUint16(ttls + i * TTL_OFFSET_BYTES, ttlOffsets[i], true);
  }
  if ((ttlCount & 1) === 1) view.setUint16(ttls + ttlCount * TTL_OFFSET_BYTES, 0, true);
  return needed * 4;
}

/** Units of 16 bytes that hold `count` words. */
export function unitsOfWords(count: number): number {
  return (count + UNIT_WORDS - 1) >>> 2;
}
