import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  CONFIG_NOTE_BYTES_MAX,
  type ConfigNote,
  configNoteMemory,
  configNoteText,
  parseConfigNote,
  readConfigNote,
  writeConfigNote,
} from "./config_note.ts";

const NOTE: ConfigNote = {
  generation: 3,
  loaded: "2026-11-25T08:00:00Z",
  sha512: "0123456789abcdef",
  failed: 1,
  problem: 'Corefile:5:5: Unknown directive "cahce": did you mean "cache"?',
};

function textIn(memory: SharedArrayBuffer): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(readConfigNote(memory));
}

test("configNoteText() is a line that parseConfigNote() reads", () => {
  assert.equal(
    configNoteText(NOTE),
    "generation=3 loaded=2026-11-25T08:00:00Z sha512=0123456789ab failed=1 " +
      'problem=Corefile:5:5: Unknown directive "cahce": did you mean "cache"?',
  );
  const short = { ...NOTE, sha512: "0123456789ab" };
  assert.deepEqual(parseConfigNote(configNoteText(NOTE)), short);
  assert.deepEqual(parseConfigNote(configNoteText({ ...NOTE, problem: "" }))?.problem, "");
});

test("configNoteText() says nothing to a terminal, and parseConfigNote() believes no such text", () => {
  const text = configNoteText({ ...NOTE, problem: "Cannot read\n\u001b[2Jx" });
  assert.ok(text.endsWith("problem=Cannot read [2Jx"));
  for (const other of ["", "instance=5eed", `${configNoteText(NOTE)}\u001b`, `x${text}`]) {
    assert.equal(parseConfigNote(other), null, other);
  }
});

test("readConfigNote() is what writeConfigNote() has written, cut to what a string holds", () => {
  const memory = configNoteMemory();
  assert.equal(textIn(memory), "");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
      writeConfigNote(memory, text);
      const read = textIn(memory);
      assert.ok(text.startsWith(read));
      const bytes = new TextEncoder().encode(text).length;
      if (bytes <= CONFIG_NOTE_BYTES_MAX) assert.equal(read, text);
      else assert.ok(new TextEncoder().encode(read).length > CONFIG_NOTE_BYTES_MAX - 4);
    }),
  );
});

test("readConfigNote() gives up on what is being written for ever", () => {
  const memory = configNoteMemory();
  writeConfigNote(memory, "whole");
  new Int32Array(memory)[0]! += 1;
  assert.equal(textIn(memory), "");
});
