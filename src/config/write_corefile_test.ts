import assert from "node:assert/strict";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { writeCorefile } from "./write_corefile.ts";

function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nodens-write-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("writeCorefile() replaces the file as a whole, only when its text changes", (context) => {
  const folder = directory(context);
  const path = join(folder, "Corefile");
  assert.equal(writeCorefile(path, "one"), null);
  const { ino } = statSync(path);
  assert.equal(writeCorefile(path, "one"), null);
  assert.equal(statSync(path).ino, ino);
  assert.equal(writeCorefile(path, "two"), null);
  assert.notEqual(statSync(path).ino, ino);
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.deepEqual(readdirSync(folder), ["Corefile"]);
});

test("writeCorefile() writes behind a link", (context) => {
  const folder = directory(context);
  writeCorefile(join(folder, "real"), "one");
  symlinkSync("real", join(folder, "Corefile"));
  assert.equal(writeCorefile(join(folder, "Corefile"), "two"), null);
  assert.equal(lstatSync(join(folder, "Corefile")).isSymbolicLink(), true);
  assert.equal(readFileSync(join(folder, "real"), "utf8"), "two");
});

test("writeCorefile() says why it cannot, and leaves nothing behind", (context) => {
  const folder = directory(context);
  assert.equal(writeCorefile(join(folder, "none", "Corefile"), "one"), "ENOENT");
  mkdirSync(join(folder, "taken"));
  assert.equal(writeCorefile(join(folder, "taken"), "one"), "EISDIR");
  assert.deepEqual(readdirSync(folder), ["taken"]);
});
