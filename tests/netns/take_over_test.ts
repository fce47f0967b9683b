/** node-cache runs, and nodens takes its addresses over, and gives them back, without a gap. */

import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import type { LaunchedNodens } from "../support/nodens_process.ts";
import { until } from "../support/until.ts";
import { BusyNode, startUsual } from "./support/busy_node.ts";
import { createLab, type Lab } from "./support/lab.ts";
import { CLUSTER_IP, NODE_LOCAL } from "./support/places.ts";

/** node-cache takes those of one family. */
const ADDRESSES = [CLUSTER_IP[4], NODE_LOCAL[4]];
/** Beside node-cache's own link, which it deletes at its end. */
const BESIDE = ["-interfacename", "nodelocaldns0"];

async function startNodeCache(lab: Lab): Promise<LaunchedNodens> {
  const file = join(import.meta.dirname, "support", "node_cache.ts");
  const started = lab.spawn("node", process.execPath, [file, ADDRESSES.join()]);
  await until("node-cache serves", () => {
    assert.equal(started.child.exitCode, null, started.stderr());
    return started.stdout().includes("ready");
  });
  return started;
}

async function startNodens(lab: Lab) {
  const nodens = startUsual(lab, { addresses: ADDRESSES, flags: BESIDE });
  await until("nodens intercepts", () => {
    assert.equal(nodens.child.exitCode, null, nodens.stderr());
    return nodens.stdout().includes("intercepting ");
  });
  return nodens;
}

async function start(context: TestContext) {
  const lab = await createLab(context);
  const untouched = await lab.snapshot();
  const nodeCache = await startNodeCache(lab);
  return { lab, untouched, nodeCache, node: await BusyNode.start(lab, ADDRESSES) };
}

test("nodens takes over from node-cache, which then ends", async (context) => {
  const { lab, untouched, nodeCache, node } = await start(context);
  const nodens = await startNodens(lab);
  const begun = (await node.settle()).expectLost({ udp: 0, tcp: 1 });
  assert.equal(begun.all.byKubeDns, 0, begun.text);
  assert.equal(await nodeCache.stop("SIGTERM"), 0);
  // What lies in node-cache's sockets is lost with them.
  const handed = (await node.settle()).expectLost({ udp: 1, tcp: 2 });
  assert.equal(handed.all.byKubeDns, 0, handed.text);
  const kept = (await node.settle()).expectLost({ udp: 0, tcp: 0 });
  assert.equal(kept.all.byNodens, kept.all.asked, kept.text);
  assert.match(nodens.stdout(), /shares 10\.96\.0\.10 with another DNS server/);
  await node.stop();
  assert.equal(await nodens.stop(), 0);
  assert.equal(await lab.snapshot(), untouched);
});

/** As in restart_test.ts. */
const LOST_MAX = { SIGKILL: { udp: 1, tcp: 2 }, SIGTERM: { udp: 0, tcp: 2 } };

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`nodens ends by ${signal} beside node-cache, which goes on`, async (context) => {
    const { lab, nodeCache, node } = await start(context);
    const nodens = await startNodens(lab);
    await node.settle();
    await nodens.stop(signal);
    const left = (await node.settle()).expectLost(LOST_MAX[signal]);
    assert.equal(left.all.byKubeDns, 0, left.text);
    (await node.settle()).expectLost({ udp: 0, tcp: 0 });
    await node.stop();
    assert.equal(nodeCache.child.exitCode, null);
  });
}
