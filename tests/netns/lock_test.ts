/** Whoever holds the lock of iptables, or breaks it, does not hold up DNS. */

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { ADDRESSES, BusyNode, SERVICE_ADDRESSES, startUsual } from "./support/busy_node.ts";
import { Figures } from "./support/figures.ts";
import { createLab, type Lab } from "./support/lab.ts";
import { monotonicMs } from "./support/load.ts";
import { iptablesCommand } from "./support/node_state.ts";

const LOCK_SEC = 10;
const GRACE_MS = 30_000;
// By TCP a client that comes again between the end of its connection and that of the lease is reset
// twice.
const LOST_MAX = { udp: 1, tcp: 2 };

/** Holds the lock as another iptables would. */
function holdLock(lab: Lab) {
  return lab.spawn("node", "flock", [lab.lockFile, "sleep", String(LOCK_SEC)]);
}

async function lockErrors(lab: Lab): Promise<number> {
  const text = await lab.run("node", "curl", ["-s", "http://127.0.0.1:9353/metrics"]);
  return Number(/errortype="iptables_lock"\} (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

test("the lock of iptables-legacy is held by others for 10 s: at start, at a repair, at the end", async (context) => {
  const lab = await createLab(context, { backend: "legacy" });
  const before = await lab.snapshot();
  const node = await BusyNode.start(lab, SERVICE_ADDRESSES);
  const figures = new Figures(context, `xtables lock held for ${LOCK_SEC} s`);

  holdLock(lab);
  const nodens = startUsual(lab);
  await until("it has met the lock", async () => /lock/.test(nodens.stdout()), 15_000);
  assert.equal(nodens.stdout().includes("intercepting "), false);
  await until("it intercepts", () => nodens.stdout().includes("intercepting "), 20_000);
  await lab.untilIntercepting(nodens, ADDRESSES);
  const atStart = await node.settle();
  figures.atMost("lost by one UDP client at start", atStart.udp.lostMax, 0);
  await until("it has done what it left for later", () => nodens.stdout().includes("up to date"));
  const rules = (await lab.rules(4)).length;

  holdLock(lab);
  await lab.run("node", "sh", [
    "-c",
    `XTABLES_LOCKFILE=/dev/null ${iptablesCommand(4, "legacy", "")} -D INPUT 1`,
  ]);
  await until("it is mended", async () => (await lab.rules(4)).length === rules, 25_000);
  const atRepair = await node.settle();
  figures.atMost("lost by one UDP client at a repair", atRepair.udp.lostMax, 0);
  assert.equal(atRepair.all.byKubeDns, 0, atRepair.text);
  assert.ok((await lockErrors(lab)) > 0, "it is counted");

  holdLock(lab);
  const fromMs = monotonicMs();
  nodens.child.kill("SIGTERM");
  await nodens.ended;
  figures.atMost("teardown", monotonicMs() - fromMs, GRACE_MS, "ms");
  assert.equal(nodens.child.exitCode, 0, nodens.stdout() + nodens.stderr());
  const atEnd = await node.settle();
  figures.atMost("lost by one UDP client at the end", atEnd.udp.lostMax, 0);
  await node.stop();
  assert.equal(await lab.snapshot(), before);
  figures.assertMet([atStart, atRepair, atEnd].map(({ text }) => text).join("\n"));
});

/** A folder for PATH with an `iptables-nft-restore` that never ends, while the switch is there. */
function hangingIptables(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "nodens-hang-"));
  cleanUp(context, () => rmSync(folder, { recursive: true, force: true }));
  const flag = join(folder, "hang");
  for (const program of ["iptables-nft-restore", "ip6tables-nft-restore"]) {
    const file = join(folder, program);
    writeFileSync(
      file,
      `#!/bin/sh\n[ -e ${flag} ] && exec sleep 1000\nexec /usr/sbin/${program} "$@"\n`,
    );
    chmodSync(file, 0o755);
  }
  return {
    env: { PATH: `${folder}:${process.env.PATH}` },
    hang: () => writeFileSync(flag, ""),
    goOn: () => rmSync(flag),
  };
}

test("iptables hangs for ever: DNS goes on, and the end comes within the grace", async (context) => {
  const lab = await createLab(context);
  const iptables = hangingIptables(context);
  const node = await BusyNode.start(lab, SERVICE_ADDRESSES);
  const figures = new Figures(context, "iptables hangs for ever");

  iptables.hang();
  const nodens = startUsual(lab, { env: iptables.env });
  await until("it says that iptables hangs", () => /did not end/.test(nodens.stdout()), 20_000);
  (await node.settle()).expectLost({ udp: 0, tcp: 0 });
  iptables.goOn();
  await until("it intercepts", () => nodens.stdout().includes("intercepting "), 20_000);
  await lab.untilIntercepting(nodens, ADDRESSES);
  await until("it has done what it left for later", () => nodens.stdout().includes("up to date"));
  await node.settle();

  iptables.hang();
  const fromMs = monotonicMs();
  nodens.child.kill("SIGTERM");
  await nodens.ended;
  figures.atMost("teardown", monotonicMs() - fromMs, GRACE_MS, "ms");
  const atEnd = (await node.settle()).expectLost(LOST_MAX);
  figures.atMost("lost by one UDP client", atEnd.udp.lostMax, 0);
  assert.equal(nodens.child.exitCode, 0);
  assert.match(nodens.stdout(), /did not end within/);
  const end = await node.stop();
  assert.equal(end.all.byKubeDns, end.all.asked, "what is left of the rules does no harm");
  figures.assertMet();
});

test("iptables is missing: one sentence says what to install, and kube-dns goes on answering", async (context) => {
  const lab = await createLab(context);
  const hide = `for f in /usr/sbin/*tables*; do [ -L "$f" ] || mount --bind /dev/null "$f"; done; exec "$@"`;
  const command = ["unshare", "-m", "sh", "-c", hide, "sh", process.env.NODENS ?? "dist/nodens"];
  const nodens = startUsual(lab, { command });
  await until("it says so", () => /install the package iptables/.test(nodens.stdout()));
  assert.equal(nodens.stdout().match(/install the package iptables/g)?.length, 1);
  const reply = await lab.ask("pod", { address: SERVICE_ADDRESSES[0]!, name: "hit-1.example.org" });
  assert.equal(reply.by, "kube-dns");
  assert.equal(await nodens.stop(), 0, nodens.stderr());
});
