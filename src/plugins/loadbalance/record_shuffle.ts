/**
 * Writes an answer anew with its records in another order: aliases, others, addresses, MX records,
 * with addresses and MX records at random.
 *
 * For the few answers whose records cannot change places where they stand. Plain code that
 * allocates.
 */

import { nameEnd } from "../../wire/compressed_name.ts";
import {
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_NSCOUNT,
  QUESTION_FIXED_BYTES,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TYPE,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_MX,
} from "../../wire/constants.ts";
import { beginRecords, writeRecord } from "../../wire/record_writer.ts";

interface PlacedRecord {
  readonly owner: number;
  readonly fixed: number;
  readonly type: number;
}

export class RecordShuffle {
  readonly #randomBelow: (limit: number) => number;

  constructor(randomBelow: (limit: number) => number) {
    this.#randomBelow = randomBelow;
  }

  /**
   * Writes the answer of `length` bytes at `message` in another order.
   *
   * @returns its length; the message as it was when it would take more than `limitBytes`.
   */
  write(
    bytes: Uint8Array,
    view: DataView,
    message: number,
    length: number,
    limitBytes: number,
  ): number {
    const from = new Uint8Array(new SharedArrayBuffer(length));
    from.set(bytes.subarray(message, message + length));
    const fromView = new DataView(from.buffer);
    const nameLength = nameEnd(from, 0, HEADER_BYTES, length) - HEADER_BYTES;
    let at = HEADER_BYTES + nameLength + QUESTION_FIXED_BYTES;
    const answerCount = fromView.getUint16(HEADER_ANCOUNT);
    const otherCount = fromView.getUint16(HEADER_NSCOUNT) + fromView.getUint16(HEADER_ARCOUNT);
    const records = placedRecords(from, fromView, at, answerCount + otherCount);
    const ordered = [
      ...this.#ordered(records.slice(0, answerCount)),
      ...records.slice(answerCount),
    ];
    beginRecords(bytes, message, nameLength);
    at += message;
    for (const { owner, fixed } of ordered) {
      const end = message + limitBytes;
      const fixedAt = writeRecord(from, fromView, 0, owner, fixed, bytes, view, at, end);
      if (fixedAt === 0) {
        bytes.set(from, message);
        return length;
      }
      at = fixedAt + RECORD_FIXED_BYTES + view.getUint16(fixedAt + RECORD_RDLENGTH);
    }
    return at - message;
  }

  #ordered(records: readonly PlacedRecord[]): PlacedRecord[] {
    const of = (wanted: (type: number) => boolean) => records.filter(({ type }) => wanted(type));
    return [
      ...of((type) => type === TYPE_CNAME),
      ...of((type) => type !== TYPE_CNAME && type !== TYPE_MX && !isAddress(type)),
      ...this.#shuffled(of(isAddress)),
      ...this.#shuffled(of((type) => type === TYPE_MX)),
    ];
  }

  #shuffled(records: readonly PlacedRecord[]): PlacedRecord[] {
    const left = [...records];
    return records.map(() => left.splice(this.#randomBelow(left.length), 1)[0]!);
  }
}

function placedRecords(
  from: Uint8Array,
  view: DataView,
  start: number,
  count: number,
): PlacedRecord[] {
  const records: PlacedRecord[] = [];
  let at = start;
  for (let record = 0; record < count; record++) {
    const fixed = nameEnd(from, 0, at, from.length);
    records.push({ owner: at, fixed, type: view.getUint16(fixed + RECORD_TYPE) });
    at = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
  }
  return records;
}

function isAddress(type: number): boolean {
  return type === TYPE_A || type === TYPE_AAAA;
}
