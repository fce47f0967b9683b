import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzWire, readCorpus } from "./wire_fuzz.ts";
import { checkMessage, WIRE, type Wire } from "./wire_properties.ts";

const ROUNDS = 15_000;
const CANARY_ROUNDS = 5000;

for (const { file, message } of readCorpus()) {
  test(`src/wire keeps its promises for ${file}`, () => {
    checkMessage(WIRE, message);
  });
}

test("src/wire keeps its promises for damaged messages", (context) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  context.diagnostic(`seed ${seed}`);
  fuzzWire(seed, ROUNDS);
});

test("fuzzWire() repeats for a seed", () => {
  const tried: number[][] = [[], []];
  for (const sums of tried) {
    const readQuery: Wire["readQuery"] = (bytes, view, offset, length, seed, query) => {
      sums.push(length);
      return WIRE.readQuery(bytes, view, offset, length, seed, query);
    };
    fuzzWire(7, 50, { ...WIRE, readQuery });
  }
  assert.ok(tried[0].length >= 50);
  assert.deepEqual(tried[1], tried[0]);
});

// The canaries: each breaks one promise in a way that a real mistake could, and must be found out.
const CANARIES: Readonly<Record<string, [Partial<Wire>, RegExp]>> = {
  "reads a byte behind the message": [
    {
      readQuery: (bytes, view, offset, length, seed, query) => {
        const code = WIRE.readQuery(bytes, view, offset, length, seed, query);
        return bytes[offset + length] === 0xc0 ? 4 : code;
      },
    },
    /a byte outside the message was read/,
  ],
  "reads past the end of the memory": [
    {
      readReply: (bytes, view, offset, length, reply) => {
        if (length > 40) view.getUint16(offset + length - 1);
        return WIRE.readReply(bytes, view, offset, length, reply);
      },
    },
    /Offset is outside the bounds|Invalid|out of bounds/i,
  ],
  "takes the message for longer than it is": [
    {
      readReply: (bytes, view, offset, length, reply) =>
        WIRE.readReply(bytes, view, offset, length + 1, reply),
    },
    /./,
  ],
  "leaves the OPT in a clean reply": [
    {
      writeCleanReply: (bytes, view, reply, toBytes, toWords, toView, target, room, offsets) => {
        const args = [bytes, view, reply, toBytes, toWords, toView, target, room, offsets] as const;
        const length = WIRE.writeCleanReply(...args);
        if (length !== 0 && reply.hasOpt === 1) toView.setUint16(target + 10, 1);
        return length;
      },
    },
    /./,
  ],
  "writes a word too much": [
    {
      writeAnswer: (...args) => {
        const length = WIRE.writeAnswer(...args);
        args[7][(args[9] + length + 3) >> 2] = 0;
        return length;
      },
    },
    /./,
  ],
  "does not age TTLs": [
    {
      writeAnswer: (...args) => {
        args[6] = 0;
        return WIRE.writeAnswer(...args);
      },
    },
    /./,
  ],
  "answers a bad query with more than it had": [
    { writeError: (...args) => WIRE.writeError(...args) + 4 },
    /an error is longer than its query/,
  ],
};

for (const [what, [broken, message]] of Object.entries(CANARIES)) {
  test(`fuzzWire() finds out code that ${what}`, () => {
    const wire = { ...WIRE, ...broken };
    assert.throws(
      () => fuzzWire(1, CANARY_ROUNDS, wire),
      (error: Error) => {
        assert.match(error.message, message);
        assert.match(error.message, /--seed 1 --rounds [0-9]+\n[0-9a-f]*$/);
        return true;
      },
    );
  });
}
