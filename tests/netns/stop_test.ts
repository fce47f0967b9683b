/** The last instance of a node stops, and one starts where clients have been asking all along. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  ADDRESSES,
  BusyNode,
  LEASES,
  LOCAL_ADDRESSES,
  SERVICE_ADDRESSES,
  startUsual,
} from "./support/busy_node.ts";
import { createLab } from "./support/lab.ts";
import { monotonicMs } from "./support/load.ts";

/** What is not to be lost at all, and what cannot be helped: a connection that has to break. */
const LOST_MAX = { udp: 0, tcp: 1 };

for (const lease of LEASES) {
  test(`start, stop and start under load, lease ${lease}`, async (context) => {
    const lab = await createLab(context);
    const before = await lab.snapshot();
    const say = (what: string, seen: { readonly text: string }) =>
      context.diagnostic(`${what}\n${seen.text}`);
    const service = await BusyNode.start(lab, SERVICE_ADDRESSES);

    const first = startUsual(lab, { lease, flags: ["-keepfallback"] });
    await lab.untilIntercepting(first, ADDRESSES);
    const started = await service.settle();
    say("start", started);
    const local = await BusyNode.start(lab, LOCAL_ADDRESSES);
    await service.read();
    await local.read();

    await stop(context, first);
    const stopped = [await service.settle(), await local.read()] as const;
    for (const seen of stopped) say("stop", seen);
    const left = await lab.snapshot();
    assert.equal(withoutFallback(left), before);
    assert.ok(left.includes("nodens: fall back"), left);

    const second = startUsual(lab, { lease, flags: ["-keepfallback"] });
    await lab.untilIntercepting(second, ADDRESSES);
    const again = [await service.settle(), await local.read()] as const;
    for (const seen of again) say("start again", seen);
    const end = [await service.stop(), await local.stop()];
    started.expectLost(LOST_MAX);
    for (const seen of [...stopped, ...again]) seen.expectLost(LOST_MAX);
    for (const seen of end) assert.equal(seen.all.byNodens, seen.all.asked, seen.text);
    await second.stop();
  });
}

async function stop(context: TestContext, nodens: ReturnType<typeof startUsual>): Promise<void> {
  const fromMs = monotonicMs();
  const code = await nodens.stop();
  context.diagnostic(`stopped after ${(monotonicMs() - fromMs).toFixed(0)} ms`);
  context.diagnostic(nodens.stdout());
  assert.equal(code, 0, nodens.stderr());
}

function withoutFallback(snapshot: string): string {
  const isKept = (line: string) => /^nat .*"nodens: fall back /.test(line);
  return snapshot
    .split("\n")
    .filter((line) => !isKept(line))
    .join("\n");
}
