// Hot path.
/**
 * Which record data hold names, and where: all that must be known to check, copy and move records.
 *
 *   prefix bytes | texts (NAPTR) | names | tail bytes
 *
 * Types that are not in the table are opaque (RFC 3597 §3): a pointer in them would be an error of
 * the sender, and nobody looks for one.
 */

import { nameEnd } from "./compressed_name.ts";
import {
  CLASS_IN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_AFSDB,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_KX,
  TYPE_MB,
  TYPE_MD,
  TYPE_MF,
  TYPE_MG,
  TYPE_MINFO,
  TYPE_MR,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_NSEC,
  TYPE_NXT,
  TYPE_PTR,
  TYPE_PX,
  TYPE_RP,
  TYPE_RRSIG,
  TYPE_RT,
  TYPE_SIG,
  TYPE_SOA,
  TYPE_SRV,
} from "./constants.ts";

/** Types from here on are opaque. */
const SHAPED_TYPES = 64;
/** A tail of any length. */
const TAIL_ANY = 0xff;
const NAPTR_TEXTS = 3;
/** SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM. */
export const SOA_TAIL_BYTES = 20;
/** MINIMUM, from the end of a SOA's data. */
export const SOA_MINIMUM_FROM_END = 4;
/** Signature Expiration, from the start of an RRSIG's data (RFC 4034 §3.1). */
export const RRSIG_EXPIRATION = 8;
const RRSIG_PREFIX_BYTES = 18;

const isShaped = new Uint8Array(SHAPED_TYPES);
const prefixBytes = new Uint8Array(SHAPED_TYPES);
const nameCounts = new Uint8Array(SHAPED_TYPES);
const tailBytes = new Uint8Array(SHAPED_TYPES);
const compressible = new Uint8Array(SHAPED_TYPES);

// RFC 1035 §3.3: these may be sent with pointers (RFC 3597 §4).
for (const type of [TYPE_NS, TYPE_MD, TYPE_MF, TYPE_CNAME, TYPE_MB, TYPE_MG, TYPE_MR, TYPE_PTR]) {
  shape(type, 0, 1, 0, 1);
}
shape(TYPE_SOA, 0, 2, SOA_TAIL_BYTES, 1);
shape(TYPE_MINFO, 0, 2, 0, 1);
shape(TYPE_MX, 2, 1, 0, 1);
// RFC 3597 §4: these may come with pointers, and are sent without.
shape(TYPE_RP, 0, 2, 0, 0);
shape(TYPE_AFSDB, 2, 1, 0, 0);
shape(TYPE_RT, 2, 1, 0, 0);
shape(TYPE_SIG, RRSIG_PREFIX_BYTES, 1, TAIL_ANY, 0);
shape(TYPE_PX, 2, 2, 0, 0);
shape(TYPE_NXT, 0, 1, TAIL_ANY, 0);
shape(TYPE_SRV, 6, 1, 0, 0);
shape(TYPE_NAPTR, 4, 1, 0, 0);
// These should come without, but hold names all the same.
shape(TYPE_KX, 2, 1, 0, 0);
shape(TYPE_DNAME, 0, 1, 0, 0);
shape(TYPE_RRSIG, RRSIG_PREFIX_BYTES, 1, TAIL_ANY, 0);
shape(TYPE_NSEC, 0, 1, TAIL_ANY, 0);
// Addresses hold none, and a wrong length confuses clients.
shape(TYPE_A, 4, 0, 0, 0);
shape(TYPE_AAAA, 16, 0, 0, 0);

/** How many names stand in the data of a type. */
export function rdataNameCount(type: number): number {
  return type < SHAPED_TYPES ? nameCounts[type] : 0;
}

/** 1 if the names in the data of a type may be written as pointers, else 0. */
export function isRdataCompressible(type: number): number {
  return type < SHAPED_TYPES ? compressible[type] : 0;
}

/**
 * Where the first name in the data `bytes[rdata, end)` of a type with names begins; `end` or more
 * when the data are cut short.
 */
export function rdataFirstName(
  bytes: Uint8Array,
  type: number,
  rdata: number,
  end: number,
): number {
  let at = rdata + prefixBytes[type];
  if (type !== TYPE_NAPTR) return at;
  for (let text = 0; text < NAPTR_TEXTS && at < end; text++) at += 1 + bytes[at];
  return at;
}

/** Whether the data `bytes[rdata, end)` of a record has the shape of its type, names included. */
export function isRdataSound(
  bytes: Uint8Array,
  message: number,
  type: number,
  dnsClass: number,
  rdata: number,
  end: number,
): boolean {
  if (type >= SHAPED_TYPES || isShaped[type] === 0) return true;
  // In another class an A may be something else (RFC 1035 §3.4.1 is about the Internet only).
  if (dnsClass !== CLASS_IN && (type === TYPE_A || type === TYPE_AAAA)) return true;
  let at = rdataFirstName(bytes, type, rdata, end);
  for (let name = 0; name < nameCounts[type]; name++) {
    at = nameEnd(bytes, message, at, end);
    if (at === 0) return false;
  }
  return tailBytes[type] === TAIL_ANY || at + tailBytes[type] === end;
}

function shape(
  type: number,
  prefix: number,
  nameCount: number,
  tail: number,
  isCompressible: number,
): void {
  isShaped[type] = 1;
  prefixBytes[type] = prefix;
  nameCounts[type] = nameCount;
  tailBytes[type] = tail;
  compressible[type] = isCompressible;
}
