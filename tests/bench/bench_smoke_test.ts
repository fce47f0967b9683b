/**
 * The bench's own parts, briefly: the C programs compile, load generator and responder agree in
 * every mode, and the figures are plausible. No assertion is about speed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { test } from "node:test";
import { type LoadOptions, type LoadResult, runJson, runLoad, wrongOf } from "./load.ts";
import { freePort } from "./peers/ports.ts";
import { readMemory } from "./process_stats.ts";
import { hasCompiler, program } from "./programs.ts";
import { median, medians, ratioWithinRounds } from "./statistics.ts";

const skip = hasCompiler() ? false : "gcc is not installed";

interface Responder {
  port: number;
  child: ChildProcess;
}

async function withResponder(
  options: string[],
  use: (responder: Responder) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const child = spawn(program("responder"), [...options, "--port", `${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", () => reject(new Error("responder ended early")));
    });
    await use({ port, child });
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** What must hold for every load against a responder that loses nothing. */
function checkPlausible(result: LoadResult): void {
  assert.ok(result.received > 0, "nothing was received");
  assert.ok(result.received <= result.sent, "more received than sent");
  assert.equal(wrongOf(result), 0, JSON.stringify(result));
  assert.deepEqual(Object.keys(result.rcodes), ["0"]);
  assert.equal(result.rcodes["0"], result.received);
  const { p50, p90, p99, p999, max, mean } = result.latencyUs;
  assert.ok(p50 > 0 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max && mean <= max);
  assert.ok(Math.abs(result.qps - result.received / result.seconds) < 1);
  assert.ok(result.own.userSec + result.own.systemSec > 0 || result.sent < 100);
}

async function checkModes(modes: LoadOptions[], responder: Responder): Promise<void> {
  for (const mode of modes) {
    const port = responder.port;
    checkPlausible(await runLoad({ port, seconds: 0.2, "timeout-ms": 300, ...mode }));
  }
}

test("dnsload and responder agree over UDP in closed and open loop", { skip }, async () => {
  await withResponder(["--upstream"], async (responder) => {
    await checkModes(
      [
        { window: 50, channels: 4, "check-address": true },
        { rate: 2000, "check-address": true },
        { rate: 2000, poisson: true, spin: true, order: "uniform", "check-address": true },
        { window: 20, order: "zipf", names: 100, edns: 1232, type: "AAAA" },
        { window: 20, type: "TXT", "warm-seconds": 0.05 },
      ],
      responder,
    );
  });
});

test("dnsload and responder agree over pipelined TCP", { skip }, async () => {
  await withResponder(["--upstream"], async (responder) => {
    await checkModes(
      [
        { tcp: true, channels: 8, window: 64, "check-address": true },
        { tcp: true, channels: 4, rate: 1000, "check-address": true },
      ],
      responder,
    );
  });
});

test("responder --bare answers every query with one record", { skip }, async () => {
  await withResponder(["--bare"], async (responder) => {
    await checkModes([{ window: 50 }, { window: 20, edns: 1232 }], responder);
  });
});

test("dnsload --count asks each name once and then ends", { skip }, async () => {
  await withResponder(["--upstream"], async ({ port }) => {
    const result = await runLoad({ port, count: 3000, names: 3000, "check-address": true });
    assert.equal(result.sent, 3000);
    assert.equal(result.received + result.lost, 3000);
    assert.equal(wrongOf(result), 0);
  });
});

test("dnsload counts wrong answers: rcode, record count, address", { skip }, async () => {
  await withResponder(["--upstream"], async ({ port }) => {
    const small = { port, count: 200, names: 200, window: 20 };
    const denied = await runLoad({ ...small, pattern: "nx%07u.bench.zz" });
    assert.deepEqual(denied.rcodes, { 3: denied.received });
    assert.equal(denied.wrongRcode, denied.received);
    assert.equal(denied.wrongCount, denied.received);
    const refused = await runLoad({ ...small, pattern: "n%07u.example.org" });
    assert.deepEqual(refused.rcodes, { 5: refused.received });
    const noData = await runLoad({ ...small, type: 15, "expect-answers": 0 });
    assert.equal(wrongOf(noData), 0);
  });
  await withResponder(["--bare"], async ({ port }) => {
    const constant = await runLoad({ port, count: 200, names: 200, "check-address": true });
    assert.equal(constant.wrongAddress, constant.received);
  });
});

test("dnsload counts a silent server's queries as lost", { skip }, async () => {
  await withResponder(["--upstream", "--delay-ms", "500"], async ({ port }) => {
    const result = await runLoad({ port, count: 20, names: 20, "timeout-ms": 50, window: 20 });
    assert.equal(result.lost, 20);
    assert.equal(result.received, 0);
  });
});

test("responder --delay-ms delays every answer", { skip }, async () => {
  await withResponder(["--upstream", "--delay-ms", "20"], async ({ port }) => {
    for (const tcp of [false, true]) {
      const result = await runLoad({ port, tcp, count: 40, window: 10, channels: 2 });
      checkPlausible(result);
      assert.ok(result.latencyUs.p50 >= 20_000, JSON.stringify(result.latencyUs));
    }
  });
});

test("responder truncates over UDP what it sends whole over TCP", { skip }, async () => {
  await withResponder(["--upstream", "--txt-bytes", "900"], async ({ port }) => {
    const text = { port, type: "TXT", count: 50, window: 10, channels: 2 };
    const cut = await runLoad({ ...text, "expect-answers": 0 });
    assert.equal(cut.truncated, cut.received);
    assert.equal((await runLoad({ ...text, tcp: true })).truncated, 0);
    assert.equal((await runLoad({ ...text, edns: 1232 })).truncated, 0);
  });
});

test("dnsload --watch reports the CPU time of the watched process", { skip }, async () => {
  await withResponder(["--bare"], async ({ port, child }) => {
    const { watch } = await runLoad({ port, seconds: 0.2, watch: child.pid ?? 0 });
    assert.ok(watch !== undefined && watch.cpuNs > 0);
    assert.ok(watch.cpuNs <= watch.seconds * 1.1e9, "one thread cannot use more than one core");
  });
});

test("firstanswer measures from exec to the first answer", { skip }, async () => {
  const port = await freePort();
  const words = ["--port", `${port}`, "--", program("responder"), "--upstream", "--port"];
  const result = await runJson([program("firstanswer"), ...words, `${port}`]);
  const { firstAnswerMs } = result as { firstAnswerMs: number };
  assert.ok(firstAnswerMs > 0 && firstAnswerMs < 10_000);
});

test("median() and medians() take the middle and skip what a round lacks", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.deepEqual(medians([{ a: 1 }, { a: 3, b: 7 }, {}]), { a: 2, b: 7 });
});

test("ratioWithinRounds() compares a round only with itself", () => {
  const ratio = ratioWithinRounds([{ a: 1 }, { a: 8 }, {}], [{ a: 2 }, { a: 4 }, { a: 1 }], "a");
  assert.equal(ratio, median([0.5, 2]));
});

test("readMemory() reads kB of /proc/PID/status as bytes, and 0 for what is not there", () => {
  const text = "Name:\tx\nVmRSS:\t  2048 kB\nRssAnon:\t    1 kB\n";
  assert.deepEqual(readMemory(text), { rss: 2048 * 1024, anon: 1024, shmem: 0 });
});
