import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { NoticeReceiver } from "../../tests/support/notice_receiver.ts";
import { until } from "../../tests/support/until.ts";
import { Readiness } from "./readiness.ts";
import { ServiceNotice } from "./service_notice.ts";

function make(context: TestContext, environment: Readonly<Record<string, string>> = {}) {
  const receiver = new NoticeReceiver();
  const state = { isWhole: true, isIntercepting: false as boolean | null, ageMs: 0, askedCount: 0 };
  const readiness = new Readiness({
    isWhole: () => state.isWhole,
    isIntercepting: () => state.isIntercepting,
  });
  const notice = new ServiceNotice(receiver.path, {
    environment,
    readiness,
    heartbeatAgeMs: () => {
      state.askedCount += 1;
      return state.ageMs;
    },
    where: "192.0.2.1:53",
  });
  context.after(() => {
    readiness.leave();
    receiver.close();
  });
  const look = () => {
    readiness.look();
    return receiver.take();
  };
  return { receiver, state, readiness, notice, look };
}

test("ServiceNotice says READY=1 once, and in the status what is missing", (context) => {
  const { receiver, state, readiness, look } = make(context);
  assert.deepEqual(receiver.take(), ["STATUS=Not ready: without interception"]);
  state.isIntercepting = true;
  assert.deepEqual(look(), ["READY=1 | STATUS=Ready: answers on 192.0.2.1:53"]);
  state.isWhole = false;
  assert.deepEqual(look(), ["STATUS=Not ready: without workers"]);
  state.isWhole = true;
  assert.deepEqual(look(), ["STATUS=Ready: answers on 192.0.2.1:53"]);
  readiness.leave();
  assert.deepEqual(receiver.take(), ["STOPPING=1 | STATUS=Stopping: the addresses are given back"]);
});

test("ServiceNotice frames reloads, also when they overlap, and none before it is ready", (context) => {
  const { receiver, state, notice, look } = make(context);
  notice.reloading();
  notice.reloaded();
  assert.deepEqual(receiver.take(), ["STATUS=Not ready: without interception"]);
  state.isIntercepting = true;
  look();
  notice.reloading();
  notice.reloading();
  notice.reloaded();
  const begun = receiver.take();
  assert.equal(begun.length, 2);
  for (const text of begun) assert.match(text, /^RELOADING=1 \| MONOTONIC_USEC=[1-9]\d+$/);
  notice.reloaded();
  assert.deepEqual(receiver.take(), ["READY=1"]);
});

test("ServiceNotice says that it is alive only while workers are", async (context) => {
  const { receiver, state } = make(context, {
    WATCHDOG_USEC: "20000",
    WATCHDOG_PID: String(process.pid),
  });
  const isAlive = () => receiver.take().includes("WATCHDOG=1");
  await until("a sign of life", isAlive);
  state.ageMs = 10;
  receiver.take();
  state.askedCount = 0;
  await until("two looks at the workers", () => state.askedCount >= 2);
  assert.deepEqual(receiver.take(), []);
  state.ageMs = 0;
  await until("a sign of life", isAlive);
});

test("ServiceNotice leaves a watchdog alone that is for another process", async (context) => {
  const ours = make(context, { WATCHDOG_USEC: "2000" });
  const other = make(context, { WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" });
  await until("two looks at the workers", () => ours.state.askedCount >= 2);
  assert.equal(other.state.askedCount, 0);
});

test("ServiceNotice goes on when nobody listens", (context) => {
  const { receiver, readiness, state } = make(context);
  receiver.close();
  state.isIntercepting = true;
  assert.doesNotThrow(() => readiness.look());
});
