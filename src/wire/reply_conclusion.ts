// Hot path.
/**
 * What a reply says as a whole, once its records are read: where its chain of CNAMEs ends, whether
 * what was asked for is there, and if not, for how long that holds.
 */

import { isNameBelow, isSameName } from "./compressed_name.ts";
import {
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TTL_SEC_MAX,
  TYPE_ANY,
  TYPE_CNAME,
} from "./constants.ts";
import { SOA_MINIMUM_FROM_END } from "./rdata.ts";
import type { Reply } from "./reply.ts";

/** A longer chain of CNAMEs is not followed. Common resolvers stop at 11 to 16. */
const CHAIN_HOPS_MAX = 16;

/**
 * Follows the CNAMEs from the question and finds what the reply says about the name at their end.
 */
export function concludeReply(bytes: Uint8Array, view: DataView, reply: Reply): void {
  let name = reply.questionOffset;
  for (let hop = 0; hop <= CHAIN_HOPS_MAX && reply.hasAnswerOfType === 0; hop++) {
    const target = chainStep(bytes, view, name, reply);
    if (target === 0) break;
    name = target;
  }
  reply.chainEndOffset = name;
  const soa = reply.soaRecord;
  if (soa < 0) return;
  // A SOA of some other zone says nothing about this name.
  if (!isNameBelow(bytes, reply.offset, reply.offset + reply.owners[soa], name)) {
    reply.soaRecord = -1;
    return;
  }
  const fixed = reply.offset + reply.fixedParts[soa];
  const end = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
  reply.hasSoa = 1;
  reply.soaTtlSec = cappedTtl(view.getInt32(fixed + RECORD_TTL));
  reply.soaMinimumSec = cappedTtl(view.getInt32(end - SOA_MINIMUM_FROM_END));
  if (isNegative(reply) && reply.soaMinimumSec < reply.ttlSecMin) {
    reply.ttlSecMin = reply.soaMinimumSec;
  }
}

/** The target of the CNAME at `name`; 0 if there is none, or what was asked for is there. */
function chainStep(bytes: Uint8Array, view: DataView, name: number, reply: Reply): number {
  const message = reply.offset;
  let target = 0;
  for (let record = 0; record < reply.answerCount; record++) {
    const fixed = message + reply.fixedParts[record];
    const type = view.getUint16(fixed + RECORD_TYPE);
    const isWanted = type === reply.type || reply.type === TYPE_ANY;
    if (!isWanted && type !== TYPE_CNAME) continue;
    if (!isSameName(bytes, message, message + reply.owners[record], name)) continue;
    if (isWanted) {
      reply.hasAnswerOfType = 1;
      return 0;
    }
    target = fixed + RECORD_FIXED_BYTES;
  }
  return target;
}

/** Whether the reply says that the name, or the type at the name, does not exist (RFC 2308 §2). */
export function isNegative(reply: Reply): boolean {
  if (reply.rcode === RCODE_NXDOMAIN) return true;
  return reply.rcode === RCODE_NOERROR && reply.hasAnswerOfType === 0;
}

/** A TTL read as a signed number: with the top bit set it is a large one (RFC 8767 §4). */
export function cappedTtl(ttlSec: number): number {
  return ttlSec < 0 ? TTL_SEC_MAX : ttlSec;
}
