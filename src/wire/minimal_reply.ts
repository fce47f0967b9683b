// Hot path.
/** A reply without what nobody asked for. */

import { RCODE_NOERROR, RECORD_RDLENGTH, RECORD_TTL } from "./constants.ts";
import type { Reply } from "./reply.ts";
import { cappedTtl } from "./reply_conclusion.ts";

/**
 * Forgets the authority and additional records of a reply that answers its question; of one that
 * does not, such as a referral or a denial, they are the point.
 *
 * Pointers aim backwards, so the answer section needs nothing of what is behind it.
 */
export function dropBehindAnswers(view: DataView, reply: Reply): void {
  if (reply.rcode !== RCODE_NOERROR || reply.hasAnswerOfType === 0) return;
  if (reply.recordCount === reply.answerCount) return;
  const last = reply.fixedParts[reply.answerCount - 1]! + RECORD_RDLENGTH;
  reply.length = last + 2 + view.getUint16(reply.offset + last);
  reply.recordCount = reply.answerCount;
  reply.authorityCount = 0;
  reply.additionalCount = 0;
  reply.hasNsInAuthority = 0;
  reply.hasSoa = 0;
  reply.soaRecord = -1;
  reply.isOptInside = 0;
  let ttlSecMin = cappedTtl(view.getInt32(reply.offset + reply.fixedParts[0]! + RECORD_TTL));
  for (let record = 1; record < reply.recordCount; record++) {
    const at = reply.offset + reply.fixedParts[record]! + RECORD_TTL;
    const ttlSec = cappedTtl(view.getInt32(at));
    if (ttlSec < ttlSecMin) ttlSecMin = ttlSec;
  }
  reply.ttlSecMin = ttlSecMin;
}
