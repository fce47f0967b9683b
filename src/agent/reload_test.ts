import assert from "node:assert/strict";
import { test } from "node:test";
import type { Config } from "../config/config.ts";
import { locateProblem, Problems } from "../config/problem.ts";
import { type Reading, type Refused, Reloader, type ReloadState } from "./reload.ts";

function reading(name: string): Reading {
  return { config: { file: name, servers: [] } as unknown as Config, problems: [], hash: name };
}

const IN_USE = "Cannot listen on 192.0.2.1:53: the port is in use by another process";

function broken(name: string): Reading {
  const problems = new Problems();
  problems.error({ file: "Corefile", line: 3, column: 5 }, `Cannot read ${name}`);
  problems.error({ file: "Corefile", line: 7, column: 1 }, "Unexpected end");
  return { config: null, problems: problems.sorted(), hash: name };
}

/** A server whose configuration is what `next` says. */
function setUp() {
  const lines: string[] = [];
  const adopted: string[] = [];
  const server = {
    lines,
    adopted,
    states: [] as ReloadState[],
    next: reading("one"),
    /** Why it refuses to adopt. */
    refusal: null as Refused | null,
    /** What is to be done later, and when; taken back, it is null. */
    later: null as { action: () => void; ms: number } | null,
    readCount: 0,
    /** Called while a configuration is read. */
    whileReading: () => {},
    reloader: null as unknown as Reloader,
  };
  server.reloader = new Reloader(
    {
      async read() {
        server.readCount += 1;
        const { next } = server;
        server.whileReading();
        return next;
      },
      async adopt({ file }) {
        if (server.refusal === null) adopted.push(file);
        return server.refusal;
      },
      changed: (state) => server.states.push(state),
      info: (text) => lines.push(`info ${text}`),
      warn: (text) => lines.push(`warn ${text}`),
      error: (text) => lines.push(`error ${text}`),
      later(action, ms) {
        const mine = { action, ms };
        server.later = mine;
        return () => {
          if (server.later === mine) server.later = null;
        };
      },
      wallMs: () => 1000 * (adopted.length + 1),
    },
    reading("one"),
  );
  return server;
}

test("Reloader.request() does nothing while the configuration is the one in effect", async () => {
  const server = setUp();
  await server.reloader.request("change");
  assert.deepEqual([server.adopted, server.lines], [[], []]);
  await server.reloader.request("signal");
  assert.deepEqual(server.lines, [
    "info the configuration is the one in effect: there is nothing to reload",
  ]);
});

test("Reloader.request() takes another configuration over and says so", async () => {
  const server = setUp();
  server.next = reading("two");
  await server.reloader.request("change");
  assert.deepEqual(server.adopted, ["two"]);
  assert.deepEqual(server.lines, [
    "info Reloading",
    "info plugin/reload: Running configuration SHA512 = two",
    "info Reloading complete",
  ]);
  assert.deepEqual(server.reloader.state, {
    hash: "two",
    loadedMs: 2000,
    loadedCount: 2,
    failedCount: 0,
    problems: [],
  });
});

test("Reloader.request() says all that is wrong with a configuration, once", async () => {
  const server = setUp();
  server.next = broken("two");
  await server.reloader.request("change");
  await server.reloader.request("change");
  assert.deepEqual(server.adopted, []);
  assert.deepEqual(server.lines, [
    "info Reloading",
    ...broken("two").problems.map((problem) => `error ${locateProblem(problem)}`),
    "error plugin/reload: Corefile changed but reload failed: 2 problems: the configuration before goes on",
  ]);
  assert.equal(server.reloader.state.hash, "one");
  assert.equal(server.reloader.state.failedCount, 1);
  assert.equal(server.reloader.state.problems.length, 2);
});

test("Reloader.request() tries again what was refused when a signal asks, or it has changed", async () => {
  const server = setUp();
  server.next = reading("two");
  server.refusal = { problem: IN_USE, mayPass: false };
  await server.reloader.request("change");
  await server.reloader.request("change");
  assert.equal(server.reloader.state.failedCount, 1);
  await server.reloader.request("signal");
  assert.equal(server.reloader.state.failedCount, 2);
  server.refusal = null;
  await server.reloader.request("signal");
  assert.deepEqual(server.adopted, ["two"]);
  assert.deepEqual(server.reloader.state.problems, []);
  assert.equal(server.later, null);
});

test("Reloader tries again what may pass, ever less often, and says it once", async () => {
  const server = setUp();
  server.next = reading("two");
  server.refusal = { problem: IN_USE, mayPass: true };
  await server.reloader.request("change");
  const { length } = server.lines;
  const waitsMs: number[] = [];
  for (let retry = 0; retry < 9; retry++) {
    const { action, ms } = server.later!;
    waitsMs.push(ms);
    // A change that is none does not take it back.
    await server.reloader.request("change");
    action();
    await server.reloader.request("change");
  }
  assert.deepEqual(waitsMs.slice(0, 3), [5_000, 10_000, 20_000]);
  assert.equal(waitsMs.at(-1), 600_000);
  assert.equal(server.reloader.state.failedCount, 1);
  assert.equal(server.lines.length, length);
  server.refusal = { problem: "Something else", mayPass: true };
  server.later!.action();
  await server.reloader.request("change");
  assert.deepEqual(server.reloader.state.problems, ["Something else"]);
  server.refusal = null;
  server.later!.action();
  await server.reloader.request("change");
  assert.deepEqual([server.adopted, server.later], [["two"], null]);
  assert.equal(server.lines.at(-1), "info Reloading complete");
});

test("Reloader does not try again what has been taken back, and nothing once it is stopped", async () => {
  const server = setUp();
  server.refusal = { problem: IN_USE, mayPass: true };
  for (const next of [reading("one"), broken("three"), reading("four")]) {
    server.next = reading("two");
    await server.reloader.request("signal");
    assert.equal(server.later?.ms, 5_000);
    server.next = next;
    if (next.hash === "four") server.refusal = { problem: IN_USE, mayPass: false };
    await server.reloader.request("change");
    assert.equal(server.later, null, next.hash);
  }
  server.refusal = { problem: IN_USE, mayPass: true };
  await server.reloader.request("signal");
  await server.reloader.stop();
  assert.equal(server.later, null);
});

/** What can be used but for one value, as with the ConfigMap of kube-dns. */
function partly(name: string): Reading {
  const problems = new Problems();
  problems.error({ file: "stubDomains", line: 1, column: 2 }, "Cannot use example.org");
  problems.warning({ file: "Corefile", line: 1, column: 1 }, "Odd");
  return { ...reading(name), problems: problems.sorted() };
}

const ONLY_PARTLY =
  "error plugin/reload: not all of the configuration is in effect: one problem: " +
  "what cannot be used stays as it was";

test("Reloader.request() says what was left out where nothing else has changed, once", async () => {
  const server = setUp();
  server.next = partly("one");
  await server.reloader.request("change");
  const said = ["error stubDomains:1:2: Cannot use example.org", ONLY_PARTLY];
  assert.deepEqual([server.adopted, server.lines], [[], said]);
  const { failedCount, problems } = server.reloader.state;
  assert.deepEqual([failedCount, problems], [1, ["stubDomains:1:2: Cannot use example.org"]]);
  await server.reloader.request("change");
  assert.deepEqual(server.lines, said);
  await server.reloader.request("signal");
  assert.deepEqual(server.lines, [...said, ...said]);
  server.next = reading("one");
  await server.reloader.request("change");
  assert.deepEqual(server.reloader.state.problems, []);
});

test("Reloader.request() takes over what can be used, and says what cannot", async () => {
  const server = setUp();
  server.next = partly("two");
  await server.reloader.request("change");
  assert.deepEqual(server.adopted, ["two"]);
  assert.deepEqual(server.lines, [
    "info Reloading",
    "warn Corefile:1:1: Odd",
    "info plugin/reload: Running configuration SHA512 = two",
    "info Reloading complete",
    "error stubDomains:1:2: Cannot use example.org",
    ONLY_PARTLY,
  ]);
  assert.equal(server.reloader.state.failedCount, 1);
});

test("Reloader.request() survives an error of those whom it asks", async () => {
  const server = setUp();
  server.whileReading = () => {
    throw new Error("out of luck");
  };
  await server.reloader.request("signal");
  assert.deepEqual(server.reloader.state.problems, ["Cannot reload: out of luck"]);
  server.whileReading = () => {};
  server.next = reading("two");
  await server.reloader.request("change");
  assert.deepEqual(server.adopted, ["two"]);
});

test("Reloader.request() forgets a mistake that was taken back", async () => {
  const server = setUp();
  server.next = broken("two");
  await server.reloader.request("change");
  server.next = reading("one");
  await server.reloader.request("change");
  assert.deepEqual(server.reloader.state.problems, []);
  assert.deepEqual(server.adopted, []);
  server.next = broken("two");
  await server.reloader.request("change");
  assert.equal(server.reloader.state.failedCount, 2);
});

test("Reloader.request() makes one look of all requests that come during another", async () => {
  const server = setUp();
  server.whileReading = () => {
    server.next = reading("two");
    server.whileReading = () => {};
    for (const reason of ["change", "signal", "change"] as const) {
      void server.reloader.request(reason);
    }
  };
  await server.reloader.request("change");
  assert.deepEqual([server.readCount, server.adopted], [2, ["two"]]);
});

test("Reloader.stop() waits for what is under way and begins nothing else", async () => {
  const server = setUp();
  server.next = reading("two");
  let stopped: Promise<void> | null = null;
  server.whileReading = () => {
    stopped = server.reloader.stop();
  };
  await server.reloader.request("change");
  await stopped;
  await server.reloader.request("signal");
  assert.deepEqual([server.readCount, server.adopted], [1, []]);
});
