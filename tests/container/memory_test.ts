/** The memory limit of the manifest, with a cache that is full: the worst that clients can do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { program } from "../bench/programs.ts";
import { createLab, type Lab } from "../netns/support/lab.ts";
import { CLUSTER_IP } from "../netns/support/places.ts";
import { until } from "../support/until.ts";
import { Container } from "./support/container.ts";
import { unpackedImage } from "./support/image.ts";
import { MEMORY_LIMIT_BYTES, preparePod, sampleCorefile } from "./support/pod.ts";

/** Answers any name, faster than the stand-in for kube-dns; in namespace `cluster`. */
const RESPONDER = "10.244.9.99";
/** What may be held when 64 MiB of it are the cache: the rest is for files that are in use. */
const HELD_BYTES_MAX = 128 << 20;
/** Entries have several sizes, which do not fit together to the last byte. */
const FULL_SHARE = 0.85;
const NAMES = 300_000;
/** Long, so that there are fewer to ask until the cache is full; the responder knows the zone. */
const PATTERN = `${"a".repeat(50)}.${"b".repeat(50)}.${"c".repeat(40)}.n%07u.bench.zz`;
const FLOOD_TIMEOUT_MS = 60_000;

async function metric(lab: Lab, name: string): Promise<number> {
  const text = await lab.run("node", "curl", ["-s", "http://127.0.0.1:9253/metrics"]);
  const values = [...text.matchAll(new RegExp(`^${name}(?:{.*})? (\\S+)$`, "gm"))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function flood(lab: Lab): Promise<void> {
  const words = [
    ...["--host", CLUSTER_IP[4], "--pattern", PATTERN, "--order", "counter", "--window", "400"],
    ...["--names", String(NAMES), "--count", String(NAMES), "--expect-answers", "-1"],
  ];
  await lab.run("pod", program("dnsload"), words, { timeoutMs: FLOOD_TIMEOUT_MS });
}

test("a flood of names fills the cache, and the memory limit holds", async (context) => {
  const lab = await createLab(context);
  await lab.run("cluster", "ip", ["address", "add", `${RESPONDER}/32`, "dev", "lo"]);
  const responder = lab.spawn("cluster", program("responder"), [
    "--host",
    RESPONDER,
    "--ttl",
    "3600",
  ]);
  await until("the responder is ready", () => /ready/.test(responder.stdout()));
  // Without a count of entries, -memory alone is the limit.
  const corefile = sampleCorefile().replaceAll("success 9984 30", "success 2000000 3600");
  const pod = preparePod(context, lab, { corefile, nameserver: RESPONDER });
  const container = await Container.start(context, pod.spec(await unpackedImage()));
  await until("nodens intercepts", () => /intercepting /.test(container.log()));
  const { group } = container;
  const idle = group.memoryHeldBytes();
  await flood(lab);
  const budget = await metric(lab, "nodens_memory_budget_bytes");
  assert.ok((await metric(lab, "nodens_memory_used_bytes")) > FULL_SHARE * budget, "it is full");
  const held = group.memoryHeldBytes();
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const figures = `idle ${mib(idle)}, full ${mib(held)}, peak with files ${mib(group.memoryPeakBytes())}`;
  context.diagnostic(figures);
  assert.equal(group.oomKillCount(), 0, figures);
  assert.ok(group.memoryPeakBytes() <= MEMORY_LIMIT_BYTES, figures);
  assert.ok(held < HELD_BYTES_MAX, figures);
  // A program that somebody runs in there to look around has room, too.
  const status = await container.exec(["/nodens", "status", "-interfacename", "nodelocaldns0"]);
  assert.match(status.stdout, /10\.96\.0\.10: local/, status.stderr);
  assert.equal(group.oomKillCount(), 0, figures);
  assert.equal(await container.stop(), 0, container.log());
});
