/** A nodens that does not answer any more, though it is still there: it has to let go by itself. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
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
import { firstAnswerMs, observe, startStage } from "./support/outage.ts";
import { program } from "./support/programs.ts";

const SOURCE = join(import.meta.dirname, "..", "..", "src", "main.ts");
const PRELOAD = join(import.meta.dirname, "support", "spin_worker.ts");
const HANG_MS_MAX = 3_000;
const BACK_MS_MAX = 10_000;
const BACK_TIMEOUT_MS = 15_000;
const STOPPED_MS = 2_000;
const STARVED_MS = 6_000;
/** Of one core: less than it needs, as for a container with a limit that is too low. */
const CPU_SHARE = 0.04;

function timesTaken(nodens: LabNodens): number {
  return nodens.stdout().split("intercepting ").length - 1;
}

/**
 * Of what a worker that was ended by force could leave behind, all that does not come and go with
 * clients: descriptors of everything but sockets, and sockets that queries are sent to.
 */
function lastingCount({ pid }: LabNodens): number {
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "socket, closed in the meantime";
    }
  });
  const listeners = ["udp", "udp6", "tcp", "tcp6"].flatMap((protocol) =>
    readFileSync(`/proc/${pid}/net/${protocol}`, "utf8").split("\n").filter(isListener),
  );
  return targets.filter((target) => !target.startsWith("socket")).length + listeners.length;
}

/** A line of /proc/net: bound to port 53 and connected to nobody. */
function isListener(line: string): boolean {
  return /^ *\d+: [0-9A-F]+:0035 [0-9A-F]+:0000 /.test(line);
}

for (const [workers, lease] of [
  [1, "nft"],
  [2, "tun"],
] as const) {
  test(`a worker of ${workers} that spins is replaced, lease ${lease}`, async (context) => {
    const spinFile = join(tmpdir(), `nodens-spin-${process.pid}-${workers}`);
    const { lab, nodens } = await startStage(context, {
      command: [
        ...[process.execPath, "--disable-warning=ExperimentalWarning"],
        ...["--import", PRELOAD, SOURCE],
      ],
      env: { SPIN_FILE: spinFile },
      flags: ["-workers", String(workers), "-lease", lease],
    });
    let before = 0;
    const hang = async () => {
      before = lastingCount(nodens);
      writeFileSync(spinFile, "");
      await until("a worker spins", () => !existsSync(spinFile));
      return monotonicMs();
    };
    const recovered = () =>
      until("nodens intercepts again", () => timesTaken(nodens) === 2, BACK_TIMEOUT_MS);
    const outage = await observe(lab, hang, { recovered });
    const figures = new Figures(context, `one of ${workers} workers spins, lease ${lease}`);
    figures.atMost("kube-dns answers", firstAnswerMs(outage, "kube-dns"), HANG_MS_MAX, "ms");
    figures.atMost("answered again", outage.againMs, HANG_MS_MAX, "ms");
    const backMs = firstAnswerMs(outage, "nodens", "kube-dns");
    figures.atMost("nodens answers again", backMs, BACK_MS_MAX, "ms");
    figures.atMost("lost once it is back", total(outage.settled).lost, 0);
    const { asked, byNodens } = total(outage.settled);
    figures.atMost("not answered by nodens once it is back", asked - byNodens, 0);
    figures.assertMet(outage.text);
    // Not at once: a new worker makes its code hot, with sockets of its own.
    await until("nothing is left of the old worker", () => lastingCount(nodens) <= before);
    assert.match(nodens.stdout(), /gave the addresses back: worker \d goes round in circles/);
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

/** Stops one thread until it ends, or the test does. */
async function freeze(context: TestContext, thread: number): Promise<number> {
  const child = spawn(await program("freeze_thread"), [String(thread)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanUp(context, () => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return monotonicMs();
}

test("a worker that is stuck in the kernel ends the process, and DNS goes on", async (context) => {
  const { lab, nodens } = await startStage(context);
  const hang = () => freeze(context, busiestThread(nodens.pid));
  const outage = await observe(lab, hang, { recovered: () => nodens.ended });
  const figures = new Figures(context, "a worker is stuck in the kernel");
  figures.atMost("answered again", outage.againMs, HANG_MS_MAX, "ms");
  figures.atMost("lost later", total(outage.settled).lost, 0);
  const { asked, byKubeDns } = total(outage.settled);
  figures.atMost("not answered by kube-dns later", asked - byKubeDns, 0);
  figures.assertMet(outage.text);
  assert.equal(nodens.child.signalCode, "SIGKILL");
  assert.match(nodens.stderr(), /^nodens: Cannot go on: worker 1 is stuck in the kernel\n$/);
});

test("a process that is stopped, and killed two seconds later", async (context) => {
  const { lab, nodens } = await startStage(context);
  const outage = await observe(lab, async () => {
    nodens.child.kill("SIGSTOP");
    await delay(STOPPED_MS);
    nodens.child.kill("SIGKILL");
    return monotonicMs();
  });
  const figures = new Figures(context, "SIGSTOP, SIGKILL two seconds later");
  figures.atMost("answered again after the kill", outage.againMs, 200, "ms");
  figures.assertMet(outage.text);
});

/** Of all threads: others come in the place of those that are replaced. */
function threadsOf(nodens: LabNodens): string[] {
  return readdirSync(`/proc/${nodens.pid}/task`).sort();
}

test("a process that is stopped for two seconds and goes on keeps its workers", async (context) => {
  const { nodens, lab } = await startStage(context);
  const threads = threadsOf(nodens);
  const outage = await observe(
    lab,
    async () => {
      nodens.child.kill("SIGSTOP");
      await delay(STOPPED_MS);
      nodens.child.kill("SIGCONT");
      return monotonicMs();
    },
    // Longer than it takes to notice a hang.
    { recovered: () => delay(STOPPED_MS) },
  );
  const figures = new Figures(context, "SIGSTOP, SIGCONT two seconds later");
  figures.atMost("answered again", outage.againMs, HANG_MS_MAX, "ms");
  figures.atMost("lost later", total(outage.settled).lost, 0);
  const { asked, byNodens } = total(outage.settled);
  figures.atMost("not answered by nodens later", asked - byNodens, 0);
  figures.assertMet(outage.text);
  const said = nodens.stdout() + nodens.stderr();
  assert.doesNotMatch(said, /circles|stuck|gave the addresses back/);
  // The worker's is among those that were there.
  const stayed = threadsOf(nodens).filter((thread) => threads.includes(thread));
  assert.ok(stayed.includes(String(busiestThread(nodens.pid))), said);
});

test("a process with next to no CPU keeps its workers and its addresses", async (context) => {
  const group = await makeControlGroup(context, "cpu");
  const { lab, nodens } = await startStage(context);
  group.add(nodens.pid);
  let throttledCount = 0;
  const outage = await observe(
    lab,
    async () => {
      group.limitCpu(CPU_SHARE);
      await delay(STARVED_MS);
      throttledCount = group.throttledCount();
      group.limitCpu(null);
      return monotonicMs();
    },
    { recovered: () => delay(STOPPED_MS) },
  );
  const figures = new Figures(context, `${CPU_SHARE * 100} % of a core for six seconds`);
  // Of 60.
  figures.atLeast("periods in which it had to wait for CPU", throttledCount, 30);
  figures.atMost("times that it gave the addresses back", timesTaken(nodens) - 1, 0);
  const { asked, byNodens } = total(outage.settled);
  figures.atMost("not answered by nodens later", asked - byNodens, 0);
  figures.assertMet(outage.text);
  assert.doesNotMatch(nodens.stdout() + nodens.stderr(), /circles|stuck/);
  assert.equal(nodens.child.exitCode, null);
});
