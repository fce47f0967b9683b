/**
 * What must hold for src/wire whatever bytes it is given. Each check throws if it does not.
 *
 * A message is read twice, between two different poisons and at the very end of the memory: any
 * byte read outside it gives a difference or an exception.
 */

import assert from "node:assert/strict";
import { writeAnswer, writeError } from "../../src/wire/answer.ts";
import { writeCleanReply } from "../../src/wire/clean_reply.ts";
import { RCODE_BADVERS, RCODE_FORMERR, RCODE_NOTIMP } from "../../src/wire/constants.ts";
import {
  QUERY_FORMAT,
  QUERY_IS_REPLY,
  QUERY_OK,
  QUERY_OPCODE,
  QUERY_SHORT,
  Query,
  readQuery,
} from "../../src/wire/query.ts";
import { REPLY_OK, Reply, readReply } from "../../src/wire/reply.ts";
import { type Memory, makeMemory } from "../support/memory.ts";
import { hasOddPointers } from "./odd_pointers.ts";

/** The functions under test, so that a broken one can be put in to see that it is found out. */
export interface Wire {
  readonly readQuery: typeof readQuery;
  readonly readReply: typeof readReply;
  readonly writeCleanReply: typeof writeCleanReply;
  readonly writeAnswer: typeof writeAnswer;
  readonly writeError: typeof writeError;
}

export const WIRE: Wire = { readQuery, readReply, writeCleanReply, writeAnswer, writeError };

const SEED = 0x5eed;
const POISONS = [0x00, 0xc0];
const BEFORE_BYTES = 64;
const FILL = 0xa5;
const TTLS_MAX = 2048;
const AGE_SEC = 7;
/** Where the parts stand in the memory of writers. */
const TARGET = 0x20000;
const MEMORY_BYTES = 0x40000;
const ROOM_BYTES = 0x10000;
const NEAR_BYTES = 64;
const RECORD_TTL_OFFSET = 4;

const query = new Query();
const reply = new Reply();
const again = new Reply();
const io = makeMemory(MEMORY_BYTES);
const cache = makeMemory(MEMORY_BYTES);
const spare = makeMemory(MEMORY_BYTES);
const ttlOffsets = new Uint16Array(TTLS_MAX);
const ttlOffsetsAgain = new Uint16Array(TTLS_MAX);

/**
 * Checks all properties for one message. Returns whether it is a query or reply that is accepted.
 */
export function checkMessage(wire: Wire, message: Uint8Array): boolean {
  checkReadsOnlyMessage(message, (memory, at) => {
    const code = wire.readQuery(memory.bytes, memory.view, at, message.length, SEED, query);
    if (code === QUERY_SHORT || code === QUERY_IS_REPLY) return code;
    const name = query.nameBytes.slice(0, (query.nameLength + 3) & ~3);
    return [code, numbersOf(query), name, query.labels.slice(0, query.labelCount)];
  });
  checkReadsOnlyMessage(message, (memory, at) => {
    const code = wire.readReply(memory.bytes, memory.view, at, message.length, reply);
    if (code !== REPLY_OK) return code;
    const count = reply.recordCount;
    return [code, numbersOf(reply), reply.owners.slice(0, count), reply.fixedParts.slice(0, count)];
  });
  const isQuery = checkErrors(wire, message);
  const isReply = checkCleaning(wire, message);
  return isQuery || isReply;
}

type Reading = (memory: Memory, at: number) => unknown;

function checkReadsOnlyMessage(message: Uint8Array, read: Reading): void {
  // The end of the message is the end of the memory; alignment differs with the length.
  const size = (BEFORE_BYTES + message.length + 3) & ~3;
  const atEnd = size - message.length;
  const results = POISONS.map((poison) => {
    const memory = makeMemory(size + 2 * BEFORE_BYTES, poison);
    memory.bytes.set(message, atEnd);
    return read(memory, atEnd);
  });
  assert.deepEqual(results[1], results[0], "a byte outside the message was read");
  const cut = makeMemory(size, POISONS[0]);
  cut.bytes.set(message, atEnd);
  assert.deepEqual(read(cut, atEnd), results[0], "the end of the memory makes a difference");
}

/**
 * Errors for bad queries are well-formed replies, no longer than the query. Returns if it is good.
 */
function checkErrors(wire: Wire, message: Uint8Array): boolean {
  fill(io);
  io.bytes.set(message, 1);
  const code = wire.readQuery(io.bytes, io.view, 1, message.length, SEED, query);
  if (code === QUERY_OK) return true;
  if (code === QUERY_SHORT || code === QUERY_IS_REPLY) return false;
  const rcode =
    code === QUERY_FORMAT ? RCODE_FORMERR : code === QUERY_OPCODE ? RCODE_NOTIMP : RCODE_BADVERS;
  const length = wire.writeError(io.words, io.view, TARGET, 512, query, rcode);
  assert.ok(length >= 12 && length <= message.length, "an error is longer than its query");
  checkUntouched(io, length);
  assert.ok(io.bytes[TARGET + 2] >= 0x80, "an error is no reply");
  // Read it as a reply to a QUERY, whatever its opcode.
  io.bytes[TARGET + 2] &= 0x87;
  assert.equal(wire.readReply(io.bytes, io.view, TARGET, length, reply), REPLY_OK);
  assert.equal(reply.rcode, rcode);
  return false;
}

/** A reply that is accepted is clean after cleaning, stays so, and can be served. */
function checkCleaning(wire: Wire, message: Uint8Array): boolean {
  spare.bytes.set(message, 3);
  if (wire.readReply(spare.bytes, spare.view, 3, message.length, reply) !== REPLY_OK) return false;
  fill(cache);
  const length = clean(wire, spare, reply, cache, TARGET, ttlOffsets);
  assert.equal(length === 0, reply.questionLength === 0, "a small reply cannot be kept");
  if (length === 0) return false;
  checkUntouched(cache, length);
  for (let record = 0; record < reply.ttlCount; record++) {
    const ttlSec = cache.view.getInt32(TARGET + ttlOffsets[record]);
    assert.ok(ttlSec >= reply.ttlSecMin, "a TTL below ttlSecMin");
  }
  // A pointer to what is no name may point to a TTL, which changes, or to other bytes that move.
  const isOdd = hasOddPointers(spare.bytes, spare.view, reply);
  checkServing(wire, length, isOdd);
  if (isOdd) return true;
  assert.equal(wire.readReply(cache.bytes, cache.view, TARGET, length, again), REPLY_OK);
  assert.deepEqual(contents(again), contents(reply));
  for (let record = 0; record < again.recordCount; record++) {
    assert.equal(ttlOffsets[record], again.fixedParts[record] + RECORD_TTL_OFFSET);
  }
  const lengthAgain = clean(wire, cache, again, spare, TARGET, ttlOffsetsAgain);
  assert.deepEqual(
    spare.bytes.slice(TARGET, TARGET + lengthAgain),
    cache.bytes.slice(TARGET, TARGET + length),
    "cleaning again makes a difference",
  );
  return true;
}

function clean(
  wire: Wire,
  from: Memory,
  read: Reply,
  to: Memory,
  target: number,
  offsets: Uint16Array,
): number {
  const { bytes, view } = from;
  return wire.writeCleanReply(
    bytes,
    view,
    read,
    to.bytes,
    to.words,
    to.view,
    target,
    ROOM_BYTES,
    offsets,
  );
}

/** Answers a query for the clean message's own question, by UDP with OPT and by TCP without. */
function checkServing(wire: Wire, messageLength: number, isOdd: boolean): void {
  const ttlsAt = (TARGET + messageLength + 3) & ~3;
  for (let record = 0; record < reply.ttlCount; record++) {
    cache.view.setUint16(ttlsAt + 2 * record, ttlOffsets[record], true);
  }
  for (const [hasOpt, limitBytes] of [
    [1, 512],
    [0, 65_535],
  ]) {
    const question = cache.bytes.subarray(TARGET + 12, TARGET + 12 + reply.questionLength);
    const asked = [9, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, hasOpt, ...question];
    if (hasOpt === 1) asked.push(0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0);
    io.bytes.set(asked, 2);
    const code = wire.readQuery(io.bytes, io.view, 2, asked.length, SEED, query);
    if (code !== QUERY_OK) return;
    fill(io);
    const written = wire.writeAnswer(
      cache.words,
      cache.view,
      TARGET,
      messageLength,
      ttlsAt,
      reply.ttlCount,
      AGE_SEC,
      io.words,
      io.view,
      TARGET,
      limitBytes,
      query,
    );
    assert.ok(written <= limitBytes, "an answer is longer than its limit");
    checkUntouched(io, written);
    if (isOdd) continue;
    assert.equal(wire.readReply(io.bytes, io.view, TARGET, written, again), REPLY_OK);
    if (again.truncated === 0) {
      assert.deepEqual(
        [again.answerCount, again.authorityCount],
        [reply.answerCount, reply.authorityCount],
      );
      assert.ok(again.ttlSecMin <= Math.max(reply.ttlSecMin - AGE_SEC, 0) || again.recordCount < 1);
    }
  }
}

/** Prepares for `checkUntouched`. */
function fill(memory: Memory): void {
  memory.bytes.fill(FILL, TARGET - NEAR_BYTES, TARGET + ROOM_BYTES + NEAR_BYTES);
}

/** Nothing near changed, before the target or behind what was written, rounded up to a word. */
function checkUntouched(memory: Memory, length: number): void {
  const end = TARGET + ((length + 3) & ~3);
  for (let near = 0; near < NEAR_BYTES; near++) {
    assert.equal(memory.bytes[TARGET - 1 - near], FILL, "written before the target");
    assert.equal(memory.bytes[end + near], FILL, "written behind the message");
  }
}

function numbersOf(object: object): unknown[] {
  return Object.values(object).filter((value) => typeof value === "number");
}

/** What cleaning keeps. */
function contents(read: Reply): unknown[] {
  const rcode = read.rcode > 15 ? 2 : read.rcode;
  return [
    [rcode, read.truncated, read.authenticData, read.questionLength, read.type, read.class],
    [read.answerCount, read.authorityCount, read.additionalCount, read.ttlSecMin],
    [read.hasAnswerOfType, read.hasSoa, read.soaRecord, read.soaMinimumSec, read.rrsigExpirySec],
  ];
}
