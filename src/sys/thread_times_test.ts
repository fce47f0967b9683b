import assert from "node:assert/strict";
import { test } from "node:test";
import { openKernel } from "./open_kernel.ts";
import { parseThreadTimes, readThreadTimes } from "./thread_times.ts";

test("parseThreadTimes() reads state and times behind a name with parentheses and spaces", () => {
  const line = "12 (no) R (x)) S 1 2 3 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 11 0 5 6 7";
  assert.deepEqual(parseThreadTimes(line), { state: "S", cpuMs: 420 });
});

test("readThreadTimes() finds the calling thread running, and nobody under a wrong id", () => {
  // Not the process's id: Deno runs tests beside the main thread.
  const thread = openKernel(4096).gettid();
  const before = readThreadTimes(thread);
  assert.equal(before?.state, "R");
  const end = performance.now() + 5000;
  let cpuMs = before?.cpuMs ?? 0;
  // Time passes while we look, until a tick of CPU time has been charged.
  while (cpuMs === before?.cpuMs && performance.now() < end) {
    cpuMs = readThreadTimes(thread)?.cpuMs ?? 0;
  }
  assert.ok(cpuMs > (before?.cpuMs ?? 0));
  assert.equal(readThreadTimes(0), null);
});
