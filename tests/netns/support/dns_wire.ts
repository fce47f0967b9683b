/**
 * The few bytes of DNS that load and its answers are made of. Thousands a second are written and
 * read on cores that the server needs, so nothing here is general: one question, one record.
 */

export type QueryType = "A" | "AAAA" | "TXT";

export const TYPES: Readonly<Record<QueryType, number>> = { A: 1, AAAA: 28, TXT: 16 };

export interface QuestionView {
  /** In small letters, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** Where the question section ends. */
  readonly end: number;
}

const HEADER_BYTES = 12;
const RECORD_HEAD_BYTES = 12;
const RD = 0x0100;
const QR_AND_RA = 0x8080;
const RCODE_MASK = 0xf;
const CLASS_IN = 1;
const NAME_POINTER = 0xc00c;

/** A query with RD, without EDNS. */
export function encodeQuery(name: string, id: number, type: QueryType = "A"): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + name.length + 2 + 4);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(RD, 2);
  bytes.writeUInt16BE(1, 4);
  let at = HEADER_BYTES;
  for (const label of name.split(".")) {
    bytes[at++] = label.length;
    at += bytes.write(label, at, "latin1");
  }
  at++;
  bytes.writeUInt16BE(TYPES[type], at);
  bytes.writeUInt16BE(CLASS_IN, at + 2);
  return bytes;
}

/** The question of a query, or null where it is none. */
export function questionOf(query: Buffer): QuestionView | null {
  if (query.length < HEADER_BYTES + 5 || query.readUInt16BE(4) !== 1) return null;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]!; length !== 0; length = query[at]!) {
    if (length > 63 || at + 1 + length + 4 >= query.length) return null;
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 };
}

/** The answer to a query: one record of the type asked for, or none where `data` is null. */
export function encodeAnswer(
  query: Buffer,
  question: QuestionView,
  record: { readonly data: Buffer | null; readonly ttlSec: number },
): Buffer {
  const { data, ttlSec } = record;
  const dataBytes = data === null ? 0 : RECORD_HEAD_BYTES + data.length;
  const bytes = Buffer.alloc(question.end + dataBytes);
  query.copy(bytes, 0, 0, question.end);
  bytes.writeUInt16BE(query.readUInt16BE(2) | QR_AND_RA, 2);
  bytes.writeUInt16BE(data === null ? 0 : 1, 6);
  // Of EDNS, which the query may have, nothing comes back (RFC 6891 §7).
  bytes.writeUInt32BE(0, 8);
  if (data === null) return bytes;
  const at = question.end;
  bytes.writeUInt16BE(NAME_POINTER, at);
  bytes.writeUInt16BE(question.type, at + 2);
  bytes.writeUInt16BE(CLASS_IN, at + 4);
  bytes.writeUInt32BE(ttlSec, at + 6);
  bytes.writeUInt16BE(data.length, at + 10);
  data.copy(bytes, at + RECORD_HEAD_BYTES);
  return bytes;
}

export function rcodeOf(answer: Buffer): number {
  return answer.readUInt16BE(2) & RCODE_MASK;
}

/**
 * The data of the first record of an answer as text: an address of four bytes in dots, a text, or
 * the bytes in hex; "" where there is none.
 */
export function answerText(answer: Buffer): string {
  const question = questionOf(answer);
  if (question === null || answer.readUInt16BE(6) === 0) return "";
  let at = question.end;
  // The owner: a pointer, or the name once more.
  while (answer[at] !== 0 && answer[at]! < 0xc0) at += 1 + answer[at]!;
  at += answer[at] === 0 ? 1 : 2;
  const type = answer.readUInt16BE(at);
  const data = answer.subarray(at + 10, at + 10 + answer.readUInt16BE(at + 8));
  if (type === TYPES.A) return data.join(".");
  if (type === TYPES.TXT) return data.toString("latin1", 1, 1 + data[0]!);
  return data.toString("hex");
}

/** A message with its length before it, as TCP carries it. */
export function withLength(message: Buffer): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  message.copy(bytes, 2);
  return bytes;
}

/** Takes whole messages out of a TCP stream; what is left over waits for more. */
export class MessageReader {
  #rest = Buffer.alloc(0);

  /** The messages that are complete with this piece. */
  push(piece: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      messages.push(bytes.subarray(2, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = Buffer.from(bytes);
    return messages;
  }
}
