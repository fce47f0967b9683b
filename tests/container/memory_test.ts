/** The memory limit of the manifest, with a cache that is full: the worst that clients can do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLab, type Lab } from "../netns/support/lab.ts";
import { until } from "../support/until.ts";
import { Container } from "./support/container.ts";
import { corefileWithoutCounts, flood, RESPONDER, startResponder } from "./support/flood.ts";
import { unpackedImage } from "./support/image.ts";
import { MEMORY_LIMIT_BYTES, preparePod } from "./support/pod.ts";

/** What may be held when 64 MiB of it are the cache: the rest is for files that are in use. */
const HELD_BYTES_MAX = 128 << 20;
/** Entries have several sizes, which do not fit together to the last byte. */
const FULL_SHARE = 0.85;

async function metric(lab: Lab, name: string): Promise<number> {
  const text = await lab.run("node", "curl", ["-s", "http://127.0.0.1:9253/metrics"]);
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

test("a flood of names fills the cache, and the memory limit holds", async (context) => {
  const lab = await createLab(context);
  await startResponder(lab);
  const corefile = corefileWithoutCounts();
  const pod = preparePod(context, lab, { corefile, nameserver: RESPONDER });
  const container = await Container.start(context, pod.spec(await unpackedImage()));
  await until("nodens intercepts", () => /intercepting /.test(container.log()));
  const { group } = container;
  const idle = group.memoryHeldBytes();
  await flood(lab);
  assert.equal(group.oomKillCount(), 0, "the kernel has killed it");
  assert.ok(container.isRunning, container.log());
  const budget = await metric(lab, "nodens_memory_budget_bytes");
  assert.ok((await metric(lab, "nodens_memory_used_bytes")) > FULL_SHARE * budget, "it is full");
  const held = group.memoryHeldBytes();
  const peak = group.memoryPeakBytes();
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const figures = `idle ${mib(idle)}, full ${mib(held)}, peak with files ${mib(peak)}`;
  context.diagnostic(figures);
  assert.equal(group.oomKillCount(), 0, figures);
  assert.ok(peak <= MEMORY_LIMIT_BYTES, figures);
  assert.ok(held < HELD_BYTES_MAX, figures);
  // A program that somebody runs in there to look around has room, too.
  const status = await container.exec(["/nodens", "status", "-interfacename", "nodelocaldns0"]);
  assert.match(status.stdout, /10\.96\.0\.10: local/, status.stderr);
  assert.equal(group.oomKillCount(), 0, figures);
  assert.equal(await container.stop(), 0, container.log());
});
