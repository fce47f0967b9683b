/** Tells whether a reply has pointers to places where no name's label begins. */

import { RECORD_FIXED_BYTES } from "../../src/wire/constants.ts";
import { rdataFirstName, rdataNameCount } from "../../src/wire/rdata.ts";
import type { Reply } from "../../src/wire/reply.ts";

const POINTER = 0xc0;

/** For a reply that `readReply` has accepted. */
export function hasOddPointers(bytes: Uint8Array, view: DataView, reply: Reply): boolean {
  const starts = new Set<number>();
  if (walkName(bytes, reply.offset, reply.questionOffset, starts) < 0) return true;
  for (let record = 0; record < reply.recordCount; record++) {
    const owner = reply.offset + reply.owners[record];
    if (walkName(bytes, reply.offset, owner, starts) < 0) return true;
    const fixed = reply.offset + reply.fixedParts[record];
    const type = view.getUint16(fixed);
    const rdata = fixed + RECORD_FIXED_BYTES;
    const end = rdata + view.getUint16(rdata - 2);
    let at = rdataNameCount(type) === 0 ? end : rdataFirstName(bytes, type, rdata, end);
    for (let name = 0; name < rdataNameCount(type); name++) {
      at = walkName(bytes, reply.offset, at, starts);
      if (at < 0) return true;
    }
  }
  return false;
}

/** Notes where the labels of a name begin. Returns where it ends, or -1 if it points elsewhere. */
function walkName(bytes: Uint8Array, message: number, start: number, starts: Set<number>): number {
  let at = start;
  for (;;) {
    starts.add(at);
    if (bytes[at] === 0) return at + 1;
    if (bytes[at] >= POINTER) {
      const target = message + (((bytes[at] & 0x3f) << 8) | bytes[at + 1]);
      return starts.has(target) ? at + 2 : -1;
    }
    at += 1 + bytes[at];
  }
}
