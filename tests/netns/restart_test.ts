/** Starts where another process has been, or still is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../support/until.ts";
import { ADDRESSES, BusyNode, startUsual } from "./support/busy_node.ts";
import { Figures } from "./support/figures.ts";
import { createLab, type Lab, type LabNodens } from "./support/lab.ts";
import { monotonicMs } from "./support/load.ts";

const INTERCEPTING_MS_MAX = 300;
const STARTS = 3;
// What lies in the sockets of a process that is killed is gone, and they die one after the other:
// by TCP a client may come again to the next of them. After SIGTERM one reset is usual, and a
// second one has been seen on a busy machine.
const LOST_MAX = { SIGKILL: { udp: 1, tcp: 2 }, SIGTERM: { udp: 0, tcp: 2 } };

/** From its start until it says that it intercepts, and asked for an answer then. */
async function untilTaken(lab: Lab, nodens: LabNodens): Promise<number> {
  await until("nodens intercepts", () => nodens.stdout().includes("intercepting "));
  const tookMs = monotonicMs() - nodens.startedMs;
  await lab.untilIntercepting(nodens, ADDRESSES);
  return tookMs;
}

async function ourRules(lab: Lab): Promise<string[]> {
  const rules = [...(await lab.rules(4)), ...(await lab.rules(6))];
  return rules.filter((rule) => rule.includes('"nodens: '));
}

test("start after SIGKILL, with rules left over", async (context) => {
  const lab = await createLab(context);
  const first = startUsual(lab);
  await untilTaken(lab, first);
  await until("it has done what it left for later", () => first.stdout().includes("up to date"));
  const rules = (await ourRules(lab)).sort();
  const figures = new Figures(context, "start after SIGKILL, rules left over");
  const times: number[] = [];
  let previous = first;
  for (let start = 0; start < STARTS; start++) {
    await previous.stop("SIGKILL");
    assert.deepEqual((await ourRules(lab)).sort(), rules, "they are left over");
    previous = startUsual(lab);
    times.push(await untilTaken(lab, previous));
  }
  figures.atMost("to intercepting, best of three", Math.min(...times), INTERCEPTING_MS_MAX, "ms");
  assert.deepEqual((await ourRules(lab)).sort(), rules, "none is missing, none is double");
  await previous.stop("SIGKILL");

  const node = await BusyNode.start(lab, ADDRESSES);
  const last = startUsual(lab);
  await lab.untilIntercepting(last, ADDRESSES);
  const seen = await node.settle();
  figures.atMost("refused", seen.losses["refused"] ?? 0, 0);
  figures.atMost("lost by one UDP client", seen.udp.lostMax, 0, { slack: 1 });
  figures.atMost("lost by one TCP client", seen.tcp.lostMax, 1);
  figures.assertMet(seen.text);
  await node.stop();
  assert.equal(await last.stop(), 0);
  assert.deepEqual(await ourRules(lab), []);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`two instances hold the addresses together, the first ends by ${signal}`, async (context) => {
    const lab = await createLab(context);
    const before = await lab.snapshot();
    const first = startUsual(lab);
    await untilTaken(lab, first);
    const second = startUsual(lab, { flags: ["-metrics-listen-address", "0"] });
    await untilTaken(lab, second);
    const node = await BusyNode.start(lab, ADDRESSES);
    const rules = (await ourRules(lab)).sort();
    await first.stop(signal);
    const seen = await node.settle();
    seen.expectLost(LOST_MAX[signal]);
    assert.equal(seen.all.byKubeDns, 0, seen.text);
    assert.equal(await lab.hasAddress(ADDRESSES[0]!), true);
    assert.deepEqual((await ourRules(lab)).sort(), rules);
    await node.stop();
    assert.equal(await second.stop(), 0);
    assert.equal(await lab.snapshot(), before);
  });
}
