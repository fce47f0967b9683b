import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemHost } from "./host.ts";
import { type InstallState, readState, STATE_PATH, writeState } from "./state.ts";

const STATE: InstallState = {
  ...{ format: 1, address: "169.254.20.10", resolver: "none", watched: "", before: {} },
};

function hostIn(context: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "nodens-"));
  context.after(() => rmSync(root, { recursive: true }));
  return { ...systemHost, root, isRoot: false };
}

test("writeState() writes what readState() reads, for its owner alone", (context) => {
  const host = hostIn(context);
  assert.equal(readState(host), null);
  writeState(host, STATE);
  assert.deepEqual(readState(host), STATE);
  assert.equal(statSync(join(host.root, STATE_PATH)).mode & 0o777, 0o600);
});

test("readState() says what is wrong with a file that is damaged, and the way out", (context) => {
  const host = hostIn(context);
  writeState(host, STATE);
  writeFileSync(join(host.root, STATE_PATH), '{"format": 1, "addr');
  const text =
    /^Cannot read \/var\/lib\/nodens\/install\.json, .*: see deploy\/systemd for the way back/;
  assert.throws(() => readState(host), { name: "Error", message: text });
});
