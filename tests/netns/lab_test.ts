/** The laboratory itself: that it leads where it should, can see losses, and goes. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endByHand } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { serviceChain, serviceRule } from "./support/kube_proxy.ts";
import { createLab, type Lab } from "./support/lab.ts";
import { answeredAgainMs, describeLoad, monotonicMs, type Probe, total } from "./support/load.ts";
import { attempt, enter, PLACES, processesIn, run } from "./support/namespaces.ts";
import { rulesOf } from "./support/node_state.ts";
import { CLUSTER_IP, NODE_LOCAL, UPSTREAM_IP } from "./support/places.ts";
import { program } from "./support/programs.ts";

const BOTH = [CLUSTER_IP[4], CLUSTER_IP[6]];
/** About as many queries as 20 clients with their prober make in a second. */
const SOME_MS = 1_000;
const OUTAGE_MS = 50;

test("serviceChain() names chains as kube-proxy does", () => {
  assert.equal(serviceChain("kube-system/kube-dns:dns", "udp"), "KUBE-SVC-TCOU7JCQXEZGVUNU");
  assert.equal(serviceChain("kube-system/kube-dns:dns-tcp", "tcp"), "KUBE-SVC-ERIFXISQEP7F7OF4");
});

test("rulesOf() keeps rules, chains of somebody's and unusual policies", () => {
  const saved = `# Generated
*raw
:PREROUTING ACCEPT [9:9]
COMMIT
*filter
:INPUT DROP [1:1]
:OUTPUT ACCEPT [1:1]
:OWN - [0:0]
[3:4] -A OWN -j ACCEPT
COMMIT
`;
  assert.deepEqual(rulesOf(saved), [
    "filter :INPUT DROP",
    "filter :OWN -",
    "filter -A OWN -j ACCEPT",
  ]);
});

test("answeredAgainMs() finds the first answer after which none is lost", () => {
  const probes = (text: string): Probe[] =>
    [...text].map((letter, index) => {
      const sentMs = 100 + index * 5;
      const answeredMs = letter === "." ? sentMs + 1 : 0;
      return { sentMs, answeredMs, by: "nodens", isOver: true };
    });
  const steady = ".".repeat(25);
  assert.equal(answeredAgainMs(probes(`....${steady}`), 104), 2);
  assert.equal(answeredAgainMs(probes(`....xxx${steady}`), 116), 20);
  assert.equal(answeredAgainMs(probes(`xx...x..${steady}`), 100), 31);
  assert.equal(answeredAgainMs(probes(`....x....`), 100), Number.POSITIVE_INFINITY);
  assert.equal(answeredAgainMs([], 100), Number.POSITIVE_INFINITY);
});

for (const backend of ["nft", "legacy"] as const) {
  test(`createLab() leads each Service to its endpoints, by iptables-${backend}`, async (context) => {
    const lab = await createLab(context, { backend, endpointCount: 2 });
    for (const place of ["pod", "node"] as const) {
      for (const [addresses, by] of [
        [CLUSTER_IP, "kube-dns"],
        [UPSTREAM_IP, "nodens"],
      ] as const) {
        for (const [family, transport] of [
          [4, "udp"],
          [4, "tcp"],
          [6, "udp"],
          [6, "tcp"],
        ] as const) {
          const name = "hit-1.example.org";
          const reply = await lab.ask(place, { address: addresses[family], name, transport });
          assert.deepEqual({ by: reply.by, error: reply.error }, { by, error: undefined });
        }
      }
    }
    assert.deepEqual(await lab.kubeDnsCounts(), {
      kubeDns: { udp: 4, tcp: 4 },
      upstream: { udp: 4, tcp: 4 },
    });
    // Of each question to kube-dns; those to the upstream Service are not clients'.
    assert.equal((await lab.conntrack()).length, 8);
    const other = backend === "nft" ? "legacy" : "nft";
    assert.deepEqual(await lab.rules(4, other), []);
    assert.equal((await lab.rules(6)).filter((rule) => / -j DNAT /.test(rule)).length, 8);
    assert.equal(await lab.snapshot(), await lab.snapshot());
    // Nobody has it: no answer, and no refusal.
    const nobody = { address: NODE_LOCAL[4], name: "hit-1.example.org", timeoutMs: 100 };
    assert.equal((await lab.ask("pod", nobody)).error, "no answer in 100 ms");
  });
}

test("load through kube-proxy's rules loses nothing and leaves flows", async (context) => {
  const lab = await createLab(context);
  const loads = [
    await lab.load("pod", { targets: BOTH, udpClients: 6, tcpClients: 2 }),
    await lab.load("node", { targets: BOTH, udpClients: 6, tcpClients: 2 }),
  ];
  await delay(SOME_MS);
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const figures = total(reports);
  const text = describeLoad(reports);
  assert.equal(figures.clients, 32);
  assert.ok(figures.asked > 500, text);
  assert.equal(figures.byKubeDns, figures.asked, text);
  assert.equal(figures.lost, 0, text);
  const probes = reports.flatMap((report) => report.probes.flatMap((one) => one.probes));
  assert.ok(probes.length > 200);
  assert.equal(probes.filter((probe) => probe.by !== "kube-dns").length, 0);
  assert.ok((await lab.conntrack()).length > 100);
});

test("load counts what is lost while a Service's rules are missing", async (context) => {
  const lab = await createLab(context);
  const settings = { targets: [CLUSTER_IP[4]], timeoutMs: 300 };
  const load = await lab.load("pod", settings);
  const takeOut = serviceRule("-D", 4, "udp");
  const putBack = serviceRule("-I", 4, "udp");
  await delay(SOME_MS / 4);
  await lab.restoreRules(4, takeOut);
  const outMs = monotonicMs();
  await delay(OUTAGE_MS);
  await lab.restoreRules(4, putBack);
  const backMs = monotonicMs();
  await delay(SOME_MS / 2);
  const report = await load.stop();
  const text = describeLoad([report]);
  const fresh = total([report], (client) => client.kind === "fresh");
  // Each asks within its interval of 20 ms, and then waits for its time-out: once, or twice where
  // the rule was put back late.
  assert.ok(fresh.lost >= fresh.clients, text);
  assert.ok(fresh.lostMax <= 2, text);
  assert.ok(fresh.gapMsMax >= settings.timeoutMs, text);
  // A socket that is kept has its flow, which needs no rule; by TCP nothing was missing.
  assert.equal(total([report], (client) => client.kind === "kept").lost, 0, text);
  const againMs = answeredAgainMs(report.probes[0]?.probes ?? [], outMs);
  assert.ok(againMs >= OUTAGE_MS && againMs <= backMs - outMs + 100, `${againMs} ms`);
});

test("load sees who answers: a lease held by hand, killed", async (context) => {
  const lab = await createLab(context);
  const [pod, host] = await interceptByHand(lab, CLUSTER_IP[4]);
  const loads = [pod, host];
  await delay(SOME_MS / 2);
  const before = await Promise.all(loads.map((load) => load.read()));
  assert.equal(total(before).byNodens, total(before).asked, describeLoad(before));
  assert.deepEqual(await lab.conntrack(), []);
  const [pid] = await holders(lab);
  const killedMs = monotonicMs();
  process.kill(pid!, "SIGKILL");
  await delay(SOME_MS);
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const text = describeLoad(reports);
  const after = total(reports);
  assert.ok(after.byKubeDns > 500, text);
  assert.ok(after.lostMax <= 1, text);
  for (const report of reports) {
    const againMs = answeredAgainMs(report.probes[0]?.probes ?? [], killedMs);
    assert.ok(againMs < 100, `answered again after ${againMs} ms`);
  }
  assert.equal(await lab.hasAddress(CLUSTER_IP[4]), false);
  assert.ok((await lab.conntrack()).length > 0);
});

test("Lab.getaddrinfo() looks names up by the pod's resolv.conf", async (context) => {
  const lab = await createLab(context);
  const lookups = { name: "hit-#.example.org", count: 200, threads: 2 };
  const figures = await lab.getaddrinfo("pod", lookups);
  assert.deepEqual({ count: figures.count, failed: figures.failed }, { count: 200, failed: 0 });
  assert.equal((await lab.kubeDnsCounts()).kubeDns.udp, 400);
  const slow = { name: "delay-120-#.example.org", count: 4, threads: 2 };
  assert.equal((await lab.getaddrinfo("pod", slow)).over100Ms, 4);
});

test("createLab() leaves nothing behind, whatever was started in it", async () => {
  const ending = endByHand();
  const lab = await createLab(ending, { backend: "legacy" });
  const pids = [
    lab.spawn("node", "sh", ["-c", "trap '' TERM; while :; do sleep 1; done"]).pid,
    lab.spawn("pod", "setsid", ["sleep", "1000"]).pid,
  ];
  await lab.load("pod", { targets: BOTH });
  await lab.ask("node", { address: CLUSTER_IP[4], name: "hit-1.example.org" });
  for (const place of PLACES) pids.push(...(await processesIn(lab.names[place])));
  assert.ok(pids.length >= 6);
  await ending.end();
  assert.deepEqual(pids.filter(isRunning), []);
  const folders = ["/run/netns", "/etc/netns", "/run"].filter((path) => existsSync(path));
  const left = folders.flatMap((path) => readdirSync(path));
  assert.deepEqual(
    left.filter((name) => name.startsWith(lab.names.node.replace(/node$/, ""))),
    [],
  );
});

test("createLab() removes what a run that was killed has left", async (context) => {
  const dead = spawn("true");
  await once(dead, "close");
  const name = `nodens-${dead.pid}-1-pod`;
  await run(["ip", "netns", "add", name]);
  const [program = "", ...words] = enter(name);
  const sleeper = spawn(program, [...words, "sleep", "1000"]);
  await until("it sleeps", async () => (await processesIn(name)).length === 1);
  const ended = once(sleeper, "close");
  await createLab(context);
  await ended;
  assert.equal(existsSync(`/run/netns/${name}`), false);
});

/** Whether there is such a process; one that only waits for its parent to notice does not count. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** Rules and device as nodens makes them, and load on it from pod and node. */
async function interceptByHand(lab: Lab, address: string) {
  const match = `-p udp --dport 53 -d ${address} -m addrtype --dst-type LOCAL -j NOTRACK`;
  const rules = [
    `-I PREROUTING ${match}`,
    `-I OUTPUT ${match}`,
    `-I OUTPUT -p udp --sport 53 -s ${address} -j NOTRACK`,
  ];
  await lab.restoreRules(4, `*raw\n${rules.join("\n")}\nCOMMIT\n`);
  const holder = lab.spawn("node", await program("hand_lease"), ["lease0", address]);
  await until("the address is held", () => holder.stdout() === "ready\n");
  const settings = { targets: [address], udpClients: 10, tcpClients: 0 };
  return [await lab.load("pod", settings), await lab.load("node", settings)] as const;
}

/** Processes of the hand-made lease. */
async function holders(lab: Lab): Promise<number[]> {
  const pids = await processesIn(lab.names.node);
  const names = await Promise.all(pids.map((pid) => attempt(["cat", `/proc/${pid}/comm`])));
  return pids.filter((_, index) => names[index]?.stdout === "hand_lease\n");
}
