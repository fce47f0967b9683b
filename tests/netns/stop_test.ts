/** The last instance of a node stops, and one starts where clients have been asking all along. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  ADDRESSES,
  BusyNode,
  LOCAL_ADDRESSES,
  SERVICE_ADDRESSES,
  Seen,
  startUsual,
} from "./support/busy_node.ts";
import { Figures } from "./support/figures.ts";
import { createLab, type Lab, type LabNodens } from "./support/lab.ts";
import { monotonicMs } from "./support/load.ts";
import type { Place } from "./support/namespaces.ts";
import type { Backend } from "./support/node_state.ts";

/** What cannot be helped: a connection that has to break. */
const TCP_LOST_MAX = 1;
/**
 * On a busy machine the addresses take longer to go: who comes again by TCP before that loses a
 * second one, and one query by UDP of some thousand has been seen to be lost.
 */
const BUSY = { slack: 1 };
/** Connections that are asked by seldom, all but one or two of them idle at any moment. */
const IDLE_LOAD = {
  targets: SERVICE_ADDRESSES,
  udpClients: 0,
  tcpClients: 8,
  intervalMs: 250,
  missShare: 0,
  probeIntervalMs: 0,
};
const IDLE_LOST_MAX = 2;

const LIVES: readonly (readonly [lease: string, backend: Backend, places: readonly Place[]])[] = [
  ["tun", "nft", ["pod", "node"]],
  ["tun", "legacy", ["pod", "node"]],
  ["nft", "nft", ["pod", "node"]],
  // The node's own processes are not intercepted.
  ["socket", "nft", ["pod"]],
  ["none", "nft", ["pod", "node"]],
];

for (const [lease, backend, places] of LIVES) {
  const name = `lease ${lease}, ${backend}`;
  test(`start, stop and start again under load, ${name}`, async (context) => {
    const lab = await createLab(context, { backend });
    const before = await lab.snapshot();
    const start = async () => {
      const nodens = startUsual(lab, { lease, flags: ["-keepfallback"] });
      await lab.untilIntercepting(nodens, ADDRESSES);
      return nodens;
    };
    // These ask kube-dns before there is nodens, and keep their sockets through all of it.
    const service = await BusyNode.start(lab, SERVICE_ADDRESSES, places);
    const first = await start();
    const started = await service.settle();
    const local = await BusyNode.start(lab, LOCAL_ADDRESSES, places);
    await service.read();
    await local.read();

    await stop(context, first);
    const stopped = [await service.settle(), await local.read()];
    const left = await lab.snapshot();
    assert.equal(withoutFallback(left), before);
    assert.ok(left.includes("nodens: fall back"), left);

    const second = await start();
    const again = [await service.settle(), await local.read()];
    const end = [await service.stop(), await local.stop()];
    noteLosses(context, `start, ${name}`, [started]);
    noteLosses(context, `SIGTERM with -keepfallback, ${name}`, stopped);
    noteLosses(context, `start again, ${name}`, again);
    for (const { all, text } of end) assert.equal(all.byNodens, all.asked, text);
    await second.stop();
  });
}

test("what is under way when the last instance stops is answered", async (context) => {
  const lab = await createLab(context);
  const nodens = startUsual(lab);
  await lab.untilIntercepting(nodens, ADDRESSES);
  const places = ["pod", "node"] as const;
  const questions = ADDRESSES.flatMap((address) =>
    (["udp", "tcp"] as const).map((transport) => ({ address, transport })),
  );
  const { upstream } = await lab.kubeDnsCounts();
  const replies = places.flatMap((place) =>
    questions.map(({ address, transport }) => {
      const name = `delay-250-${place}-${transport}-${ADDRESSES.indexOf(address)}.example.org`;
      return lab.ask(place, { address, transport, name, timeoutMs: 2_000 });
    }),
  );
  await untilAsked(lab, upstream.udp + replies.length);
  await stop(context, nodens);
  for (const reply of await Promise.all(replies)) {
    assert.deepEqual({ by: reply.by, error: reply.error }, { by: "nodens", error: undefined });
  }
  assert.equal(await lab.hasAddress(ADDRESSES[0]!), false);
});

test("connections by TCP on which nothing is under way are ended in time", async (context) => {
  const lab = await createLab(context);
  const nodens = startUsual(lab);
  await lab.untilIntercepting(nodens, ADDRESSES);
  const loads = [await lab.load("pod", IDLE_LOAD), await lab.load("node", IDLE_LOAD)];
  await stop(context, nodens);
  await delay(2 * IDLE_LOAD.intervalMs);
  const seen = new Seen(await Promise.all(loads.map((load) => load.stop())));
  const figures = new Figures(context, "SIGTERM, idle connections");
  figures.atLeast("connections", seen.tcp.clients, 32);
  figures.atMost("lost by all TCP clients", seen.tcp.lost, IDLE_LOST_MAX);
  figures.assertMet(seen.text);
  assert.ok(seen.tcp.byKubeDns >= seen.tcp.clients - IDLE_LOST_MAX, seen.text);
});

async function untilAsked(lab: Lab, count: number): Promise<void> {
  while ((await lab.kubeDnsCounts()).upstream.udp < count);
}

async function stop(context: TestContext, nodens: LabNodens): Promise<void> {
  const fromMs = monotonicMs();
  const code = await nodens.stop();
  context.diagnostic(`stopped after ${(monotonicMs() - fromMs).toFixed(0)} ms`);
  assert.equal(code, 0, nodens.stdout() + nodens.stderr());
}

function noteLosses(context: TestContext, event: string, seen: readonly Seen[]): void {
  const figures = new Figures(context, event);
  const sum = (of: (one: Seen) => number) => seen.reduce((total, one) => total + of(one), 0);
  figures.atMost(
    "lost by all UDP clients",
    sum(({ udp }) => udp.lost),
    0,
    BUSY,
  );
  figures.atMost(
    "lost by one TCP client",
    Math.max(...seen.map(({ tcp }) => tcp.lostMax)),
    TCP_LOST_MAX,
    BUSY,
  );
  figures.atMost(
    "answers that were errors",
    sum(({ all }) => all.errors),
    0,
  );
  figures.assertMet(seen.map(({ text }) => text).join("\n"));
}

function withoutFallback(snapshot: string): string {
  const isKept = (line: string) => /^nat .*"nodens: fall back /.test(line);
  return snapshot
    .split("\n")
    .filter((line) => !isKept(line))
    .join("\n");
}
