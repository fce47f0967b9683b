/** A nodens that does not answer any more, though it is still there: it has to let go by itself. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { cleanUp } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { makeControlGroup } from "./support/control_group.ts";
import { Figures } from "./support/figures.ts";
import type { LabNodens } from "./support/lab.ts";
import { monotonicMs, total } from "./support/load.ts";
import { ADDRESSES, observe, startStage } from "./support/outage.ts";
import { program } from "./support/programs.ts";

const SOURCE = join(import.meta.dirname, "..", "..", "src", "main.ts");
const PRELOAD = join(import.meta.dirname, "support", "spin_worker.ts");
const HANG_MS_MAX = 3_000;
const BACK_TIMEOUT_MS = 15_000;
/** Of one core: less than it needs, as for a container with a limit that is too low. */
const CPU_SHARE = 0.04;

function timesTaken(nodens: LabNodens): number {
  return nodens.stdout().split("intercepting ").length - 1;
}

/** Sockets and devices: what a worker that was ended by force could leave behind. */
function descriptorCount(nodens: LabNodens): number {
  return readdirSync(`/proc/${nodens.pid}/fd`).length;
}

for (const workers of [1, 2]) {
  test(`a worker of ${workers} that spins is replaced`, async (context) => {
    const spinFile = join(tmpdir(), `nodens-spin-${process.pid}-${workers}`);
    const { lab, nodens } = await startStage(context, {
      command: [
        ...[process.execPath, "--disable-warning=ExperimentalWarning"],
        ...["--import", PRELOAD, SOURCE],
      ],
      env: { SPIN_FILE: spinFile },
      flags: ["-workers", String(workers)],
    });
    let before = 0;
    const hang = async () => {
      before = descriptorCount(nodens);
      writeFileSync(spinFile, "");
      await until("a worker spins", () => !existsSync(spinFile));
      return monotonicMs();
    };
    const recovered = () =>
      until("nodens intercepts again", () => timesTaken(nodens) === 2, BACK_TIMEOUT_MS);
    const outage = await observe(lab, hang, { recovered });
    const figures = new Figures(context, `one of ${workers} workers spins`);
    figures.atMost("answered again", outage.againMs, HANG_MS_MAX, "ms");
    figures.atMost("lost once it is back", total(outage.settled).lost, 0);
    const { asked, byNodens } = total(outage.settled);
    figures.atMost("not answered by nodens once it is back", asked - byNodens, 0);
    figures.assertMet(outage.text);
    assert.match(nodens.stdout(), /gave the addresses back: worker \d goes round in circles/);
    assert.ok(descriptorCount(nodens) <= before, `${descriptorCount(nodens)} after ${before}`);
    assert.equal(await nodens.stop(), 0, nodens.stderr());
  });
}

/** The worker: the thread that has had the most CPU time, beside the main one. */
function busiestThread(pid: number): number {
  const cpuTicks = (thread: string) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  const threads = readdirSync(`/proc/${pid}/task`).filter((thread) => thread !== String(pid));
  return Number(threads.sort((a, b) => cpuTicks(b) - cpuTicks(a))[0]);
}

/** Stops one thread until the test ends. */
async function freeze(context: TestContext, thread: number): Promise<number> {
  const child = spawn(await program("freeze_thread"), [String(thread)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  cleanUp(context, () => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return monotonicMs();
}

test("a worker that is stuck in the kernel ends the process, and DNS goes on", async (context) => {
  const { lab, nodens } = await startStage(context);
  const hang = () => freeze(context, busiestThread(nodens.pid));
  // It stays a zombie while its thread is traced: what it wrote tells when it wanted to go.
  const hasGivenUp = () => nodens.stderr().includes("is stuck in the kernel");
  const recovered = () => until("nodens gives up", hasGivenUp, BACK_TIMEOUT_MS);
  const outage = await observe(lab, hang, { recovered });
  const figures = new Figures(context, "a worker is stuck in the kernel");
  figures.atMost("answered again", outage.againMs, HANG_MS_MAX, "ms");
  figures.atMost("lost later", total(outage.settled).lost, 0);
  figures.assertMet(outage.text);
  assert.match(nodens.stderr(), /^nodens: Cannot go on: worker 1 is stuck in the kernel\n$/);
});

test("a process that is stopped, and killed two seconds later", async (context) => {
  const { lab, nodens } = await startStage(context);
  const outage = await observe(lab, async () => {
    nodens.child.kill("SIGSTOP");
    await delay(2000);
    nodens.child.kill("SIGKILL");
    return monotonicMs();
  });
  const figures = new Figures(context, "SIGSTOP, SIGKILL two seconds later");
  figures.atMost("answered again after the kill", outage.againMs, 200, "ms");
  figures.assertMet(outage.text);
});

test("a process that is stopped for two seconds and goes on keeps its workers", async (context) => {
  const { nodens, lab } = await startStage(context);
  nodens.child.kill("SIGSTOP");
  await delay(2000);
  nodens.child.kill("SIGCONT");
  // Longer than three misses.
  await delay(2000);
  assert.doesNotMatch(nodens.stdout() + nodens.stderr(), /circles|stuck|gave the addresses back/);
  const reply = await lab.ask("pod", { address: "10.96.0.10", name: "hit-1.example.org" });
  assert.equal(reply.by, "nodens");
});

test("a process with next to no CPU keeps its workers and its addresses", async (context) => {
  const group = await makeControlGroup(context, "cpu");
  const { lab, nodens } = await startStage(context);
  await delay(1000);
  group.add(nodens.pid);
  group.limitCpu(CPU_SHARE);
  const load = await lab.load("pod", { targets: ADDRESSES, timeoutMs: 3000 });
  await delay(6000);
  group.limitCpu(null);
  await load.stop();
  assert.ok(group.throttledCount() > 20, "it had to wait for CPU");
  assert.doesNotMatch(nodens.stdout() + nodens.stderr(), /circles|stuck/);
  assert.equal(timesTaken(nodens), 1, nodens.stdout());
});
