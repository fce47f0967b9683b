// Hot path.
/**
 * The order of records in an answer that is about to be sent, changed where it stands.
 *
 *   owner | TYPE CLASS | TTL RDLENGTH RDATA |
 *
 * A and AAAA records of one owner are of one length: their TTL and data change places, the rest
 * stays.
 *
 * Records whose data hold names cannot be moved so, because pointers lead to them and from them.
 * Answers with several MX records, or with an alias behind an address, are written anew.
 */

import { isSameName } from "../../wire/compressed_name.ts";
import {
  HEADER_ANCOUNT,
  HEADER_ARCOUNT,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_NSCOUNT,
  POINTER_BITS,
  POINTER_BYTES,
  QUESTION_FIXED_BYTES,
  RCODE_MASK,
  RCODE_NOERROR,
  RECORD_FIXED_BYTES,
  RECORD_RDLENGTH,
  RECORD_TTL,
  RECORD_TYPE,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_MX,
  TYPE_SRV,
} from "../../wire/constants.ts";
import { AddressPrefixes, AddressWeights } from "./address_choice.ts";
import { RecordShuffle } from "./record_shuffle.ts";
import type { LoadbalanceSettings } from "./settings.ts";

/** More records than this in one set stay where they are; an answer by UDP has less. */
const SET_RECORDS_MAX = 256;
const NO_RECORD = -1;

export class AnswerOrder {
  readonly #prefixes: AddressPrefixes;
  readonly #weights: AddressWeights | null;
  readonly #randomBelow: (limit: number) => number;
  readonly #shuffle: RecordShuffle;
  /** Where TYPE stands in the records of the set that is being looked at. */
  readonly #set = new Int32Array(SET_RECORDS_MAX);
  readonly #ranks = new Int32Array(SET_RECORDS_MAX);

  constructor(settings: LoadbalanceSettings, randomBelow: (limit: number) => number) {
    this.#prefixes = new AddressPrefixes(settings.prefer);
    this.#weights = settings.policy === "weighted" ? new AddressWeights(settings.names) : null;
    this.#randomBelow = randomBelow;
    this.#shuffle = new RecordShuffle(randomBelow);
  }

  /**
   * Orders the answer of `length` bytes at `message`, which is sound.
   *
   * @param limitBytes how long it may become.
   * @returns its length.
   */
  arrange(
    bytes: Uint8Array,
    view: DataView,
    message: number,
    length: number,
    limitBytes: number,
  ): number {
    const answerCount = view.getUint16(message + HEADER_ANCOUNT);
    if (answerCount === 0) return length;
    if ((view.getUint16(message + HEADER_FLAGS) & RCODE_MASK) !== RCODE_NOERROR) return length;
    const question = skipName(bytes, message + HEADER_BYTES);
    const first = question + QUESTION_FIXED_BYTES;
    if (this.#weights === null) {
      if (needsWriting(bytes, view, first, answerCount)) {
        return this.#shuffle.write(bytes, view, message, length, limitBytes);
      }
    } else if (!isWeightedType(view.getUint16(question))) {
      return length;
    }
    let at = this.#arrangeSection(bytes, view, message, first, answerCount);
    at = skipRecords(bytes, view, at, view.getUint16(message + HEADER_NSCOUNT));
    this.#arrangeSection(bytes, view, message, at, view.getUint16(message + HEADER_ARCOUNT));
    return length;
  }

  /** @returns where the section of `count` records at `start` ends. */
  #arrangeSection(
    bytes: Uint8Array,
    view: DataView,
    message: number,
    start: number,
    count: number,
  ): number {
    let at = start;
    let setCount = 0;
    let setOwner = NO_RECORD;
    let setType = 0;
    for (let record = 0; record < count; record++) {
      const fixed = skipName(bytes, at);
      const type = view.getUint16(fixed + RECORD_TYPE);
      const isInSet = setCount > 0 && type === setType && isSameName(bytes, message, setOwner, at);
      if (!isInSet) {
        this.#arrangeSet(bytes, view, message, setOwner, setCount);
        setCount = 0;
      }
      if (isAddress(type) && setCount < SET_RECORDS_MAX) {
        if (setCount === 0) {
          setOwner = at;
          setType = type;
        }
        this.#set[setCount++] = fixed;
      }
      at = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
    }
    this.#arrangeSet(bytes, view, message, setOwner, setCount);
    return at;
  }

  #arrangeSet(
    bytes: Uint8Array,
    view: DataView,
    message: number,
    owner: number,
    count: number,
  ): void {
    if (count < 2) return;
    const length = view.getUint16(this.#set[0]! + RECORD_RDLENGTH);
    if (this.#weights !== null) {
      this.#swap(bytes, 0, this.#choose(bytes, message, owner, count, length), length);
      return;
    }
    for (let index = 0; index < count - 1; index++) {
      this.#swap(bytes, index, index + this.#randomBelow(count - index), length);
    }
    if (this.#prefixes.count > 0) this.#preferred(bytes, count, length);
  }

  /** Which address is to be the first, at random by their weights. */
  #choose(
    bytes: Uint8Array,
    message: number,
    owner: number,
    count: number,
    length: number,
  ): number {
    const weights = this.#weights!;
    const name = weights.find(bytes, message, owner);
    let sum = 0;
    for (let index = 0; index < count; index++) {
      const address = this.#set[index]! + RECORD_FIXED_BYTES;
      sum += weights.weight(name, bytes, address, length);
      // What has been added up so far.
      this.#ranks[index] = sum;
    }
    const drawn = this.#randomBelow(sum);
    let chosen = 0;
    while (this.#ranks[chosen]! <= drawn) chosen++;
    return chosen;
  }

  /** Insertion sort by rank: those of one rank stay in the order they are in. */
  #preferred(bytes: Uint8Array, count: number, length: number): void {
    const ranks = this.#ranks;
    for (let index = 0; index < count; index++) {
      ranks[index] = this.#prefixes.rank(bytes, this.#set[index]! + RECORD_FIXED_BYTES, length);
    }
    for (let index = 1; index < count; index++) {
      for (let to = index; to > 0 && ranks[to - 1]! > ranks[to]!; to--) {
        const rank = ranks[to]!;
        ranks[to] = ranks[to - 1]!;
        ranks[to - 1] = rank;
        this.#swap(bytes, to - 1, to, length);
      }
    }
  }

  /** TTLs change places with the data, should those of a set differ. */
  #swap(bytes: Uint8Array, one: number, other: number, length: number): void {
    if (one === other) return;
    const oneAt = this.#set[one]! + RECORD_TTL;
    const otherAt = this.#set[other]! + RECORD_TTL;
    const end = RECORD_FIXED_BYTES - RECORD_TTL + length;
    for (let at = 0; at < end; at++) {
      const byte = bytes[oneAt + at]!;
      bytes[oneAt + at] = bytes[otherAt + at]!;
      bytes[otherAt + at] = byte;
    }
  }
}

/** Whether there are several MX records, or an alias behind an address (glibc wants it before). */
function needsWriting(bytes: Uint8Array, view: DataView, first: number, count: number): boolean {
  let at = first;
  let mxCount = 0;
  let sawAddress = false;
  for (let record = 0; record < count; record++) {
    const fixed = skipName(bytes, at);
    const type = view.getUint16(fixed + RECORD_TYPE);
    if (type === TYPE_MX && ++mxCount > 1) return true;
    if (type === TYPE_CNAME && sawAddress) return true;
    if (isAddress(type)) sawAddress = true;
    at = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
  }
  return false;
}

function skipRecords(bytes: Uint8Array, view: DataView, start: number, count: number): number {
  let at = start;
  for (let record = 0; record < count; record++) {
    const fixed = skipName(bytes, at);
    at = fixed + RECORD_FIXED_BYTES + view.getUint16(fixed + RECORD_RDLENGTH);
  }
  return at;
}

/** Where the name at `start` of a sound message ends. */
function skipName(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== 0) {
    if (bytes[at]! >= POINTER_BITS) return at + POINTER_BYTES;
    at += 1 + bytes[at]!;
  }
  return at + 1;
}

function isAddress(type: number): boolean {
  return type === TYPE_A || type === TYPE_AAAA;
}

function isWeightedType(type: number): boolean {
  return isAddress(type) || type === TYPE_SRV;
}
