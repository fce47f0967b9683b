import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { RingReader, RingWriter, ringMemory } from "./ring.ts";

const CAPACITY = 64;
const LENGTH_BYTES = 4;
const WRITTEN_WORD = 0;
const TAKEN_WORD = 1;

function record(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer((bytes.length + 3) & ~3));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

function write(writer: RingWriter, bytes: Uint8Array): void {
  writer.write(record(bytes), bytes.length);
}

test("RingReader.read() gives back what was written, as a bounded queue would", () => {
  const push = fc.uint8Array({ minLength: 1, maxLength: CAPACITY + 4 });
  const start = fc.constantFrom(0, 60, 0x7fff_fffc, -64, -4);
  fc.assert(
    fc.property(start, fc.array(fc.option(push), { maxLength: 80 }), (position, steps) => {
      const memory = ringMemory(CAPACITY);
      const head = new Int32Array(memory, 0, 2);
      head[WRITTEN_WORD] = position;
      head[TAKEN_WORD] = position;
      const writer = new RingWriter(memory);
      const reader = new RingReader(memory);
      const queue: Uint8Array[] = [];
      let [usedBytes, dropped] = [0, 0];
      const roomOf = ({ length }: Uint8Array) => LENGTH_BYTES + ((length + 3) & ~3);
      for (const bytes of steps) {
        if (bytes === null) {
          const expected = queue.shift() ?? null;
          assert.deepEqual(reader.read(), expected);
          if (expected !== null) usedBytes -= roomOf(expected);
          continue;
        }
        write(writer, bytes);
        if (usedBytes + roomOf(bytes) > CAPACITY) {
          dropped += 1;
        } else {
          queue.push(bytes);
          usedBytes += roomOf(bytes);
        }
        assert.equal(reader.droppedCount, dropped);
      }
      for (const bytes of queue) assert.deepEqual(reader.read(), bytes);
      assert.equal(reader.read(), null);
    }),
  );
});

test("RingWriter.shouldCall() once for all that is written until the reader comes", () => {
  const memory = ringMemory(CAPACITY);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  assert.equal(writer.shouldCall(), false, "nothing is there");
  write(writer, Uint8Array.of(1));
  assert.equal(writer.shouldCall(), true);
  assert.equal(writer.shouldCall(), false);
  write(writer, Uint8Array.of(2));
  assert.equal(writer.shouldCall(), false, "the reader knows");
  reader.answerCall();
  write(writer, Uint8Array.of(3));
  assert.equal(writer.shouldCall(), true, "it may have looked already");
  assert.deepEqual([reader.read(), reader.read(), reader.read()].map(String), ["1", "2", "3"]);
});

test("RingWriter.shouldCall() not for records that found no room", () => {
  const memory = ringMemory(CAPACITY);
  const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
  write(writer, new Uint8Array(CAPACITY));
  assert.equal(writer.shouldCall(), false);
  assert.equal(reader.droppedCount, 1);
});

test("RingReader.read() loses and changes nothing of what another thread writes", async () => {
  const count = 20_000;
  const memory = ringMemory(1024);
  const code = `
    import { workerData } from "node:worker_threads";
    const { memory, count, ring } = workerData;
    const { RingWriter } = await import(ring);
    const writer = new RingWriter(memory);
    const head = new Int32Array(memory, 0, 3);
    const record = new Int32Array(new SharedArrayBuffer(64));
    for (let number = 0; number < count; ) {
      const words = 1 + (number % 13);
      record.fill(number, 0, words);
      const dropped = head[2];
      writer.write(record, words * 4 - (number % 4));
      if (head[2] === dropped) number += 1;
    }
  `;
  const ring = new URL("./ring.ts", import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const worker = new Worker(url, { workerData: { memory, count, ring } });
  const failed = new Promise<never>((_, reject) => void worker.once("error", reject));
  const reader = new RingReader(memory);
  try {
    for (let number = 0; number < count; ) {
      const bytes = reader.read();
      if (bytes === null) {
        await Promise.race([new Promise((resolve) => void setImmediate(resolve)), failed]);
        continue;
      }
      const words = 1 + (number % 13);
      const expected = new Uint8Array(new Int32Array(words).fill(number).buffer);
      assert.deepEqual(bytes, expected.slice(0, words * 4 - (number % 4)));
      number += 1;
    }
  } finally {
    await worker.terminate();
  }
});
