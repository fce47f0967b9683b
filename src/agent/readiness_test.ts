import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Readiness } from "./readiness.ts";

function make(context: TestContext) {
  const state = { isWhole: true, isIntercepting: null as boolean | null };
  const readiness = new Readiness({
    isWhole: () => state.isWhole,
    isIntercepting: () => state.isIntercepting,
  });
  context.after(() => readiness.leave());
  const told: string[] = [];
  return {
    state,
    readiness,
    told,
    listener: (missing: readonly string[]) => told.push(`${missing}`),
  };
}

test("Readiness.missing() names what is missing, and at the end only that", (context) => {
  const { state, readiness } = make(context);
  assert.deepEqual(readiness.missing(), []);
  state.isIntercepting = false;
  assert.deepEqual(readiness.missing(), ["interception"]);
  state.isWhole = false;
  assert.deepEqual(readiness.missing(), ["workers", "interception"]);
  readiness.leave();
  assert.equal(readiness.isLeaving, true);
  assert.deepEqual(readiness.missing(), ["stopping"]);
});

test("Readiness.follow() tells the state at once, then each change once", (context) => {
  const { state, readiness, told, listener } = make(context);
  state.isIntercepting = false;
  readiness.follow(listener);
  readiness.look();
  assert.deepEqual(told, ["interception"]);
  state.isIntercepting = true;
  readiness.look();
  readiness.look();
  readiness.leave();
  assert.deepEqual(told, ["interception", "", "stopping"]);
});

test("Readiness.follow() leaves no change untold to those who follow already", (context) => {
  const { state, readiness, told, listener } = make(context);
  state.isIntercepting = false;
  readiness.follow(listener);
  state.isIntercepting = true;
  const later: string[] = [];
  readiness.follow((missing) => later.push(`${missing}`));
  readiness.look();
  assert.deepEqual([told, later], [["interception", ""], [""]]);
});

test("Readiness.follow() notices a change by itself", async (context) => {
  const { state, readiness } = make(context);
  const { promise, resolve } = Promise.withResolvers<void>();
  readiness.follow((missing) => missing.includes("workers") && resolve());
  state.isWhole = false;
  await promise;
});
