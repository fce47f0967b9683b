/**
 * The playground behind hack/run.sh: a node in network namespaces, on which nodens takes over the
 * cluster's DNS address, is killed, comes back and leaves. Every line that shows something as a
 * fact has been checked; it ends with 0 only if all were true.
 */

import { once } from "node:events";
import { parseArgs } from "node:util";
import type { AskedReply } from "../tests/netns/support/asker.ts";
import { corefileFor, createLab, type Lab, type LabNodens } from "../tests/netns/support/lab.ts";
import {
  answeredAgainMs,
  type Load,
  type LoadReport,
  monotonicMs,
  total,
} from "../tests/netns/support/load.ts";
import type { Place } from "../tests/netns/support/namespaces.ts";
import {
  CLUSTER_IP,
  KUBE_DNS_ENDPOINTS,
  NODE_LOCAL,
  UPSTREAM_IP,
} from "../tests/netns/support/places.ts";
import { endByHand } from "../tests/support/clean_up.ts";
import { EXECUTABLE } from "../tests/support/nodens_process.ts";
import { playCluster } from "./play_cluster.ts";
import { Stage } from "./stage.ts";

const SERVICE = CLUSTER_IP[4];
const LINK_LOCAL = NODE_LOCAL[4];
const KUBE_DNS = KUBE_DNS_ENDPOINTS[0]?.[4] ?? "";
const UPSTREAM = UPSTREAM_IP[4];
const ADDRESSES = [LINK_LOCAL, SERVICE];

const NAME = "www.example.org";
/** One client that never closes its socket; it is there from the beginning to the end. */
const KEPT = "kept";
/** Clients of the load that goes on while nodens is killed, per address, from pod and node. */
const LOAD = { targets: ADDRESSES, udpClients: 10, tcpClients: 5, intervalMs: 50 };
const LOAD_MS = 1_500;
/** A generous limit: what is promised, 100 ms, is tested where nothing else runs. */
const AGAIN_MS_MAX = 1_000;

interface Question {
  readonly from: Place;
  readonly what: string;
  readonly address?: string;
  readonly name?: string;
  readonly transport?: "udp" | "tcp";
  readonly isKept?: boolean;
  readonly by: AskedReply["by"];
  /** For answers of nodens: whether it has to ask for it. */
  readonly isCached?: boolean;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: "boolean", default: false },
      cluster: { type: "boolean", default: false },
    },
  });
  const ending = endByHand();
  const stage = new Stage();
  let isInterrupted = false;
  process.once("SIGINT", async () => {
    isInterrupted = true;
    await ending.end();
    process.exit(130);
  });
  try {
    if (values.cluster) await playCluster(stage, ending);
    else await play(stage, await createLab(ending), values.once);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    if (!isInterrupted) process.stderr.write(`\nCannot go on: ${why}\n`);
    return 1;
  } finally {
    await ending.end();
  }
  const right = stage.checked - stage.wrong;
  stage.say(`\n${right} of ${stage.checked} things shown were checked and true.`);
  return stage.wrong === 0 ? 0 : 1;
}

async function play(stage: Stage, lab: Lab, isOnce: boolean): Promise<void> {
  const pause = (what: string) => (isOnce ? Promise.resolve() : untilEnter(stage, what));
  await showBefore(stage, lab);
  // So that what is there later is from later.
  await lab.flushConntrack();
  const untouched = await lab.snapshot();
  const nodens = await showStart(stage, lab);
  await showRules(stage, lab, nodens);
  showOwnTries(stage, lab, isOnce);
  await pause("Enter kills nodens (kill -9)");
  await showKill(stage, lab, nodens);
  await pause("Enter starts it again");
  await showReturn(stage, lab, untouched);
}

async function showBefore(stage: Stage, lab: Lab): Promise<void> {
  // Whoever asks is warm then: what is shown is how long DNS takes.
  for (const from of ["pod", "node"] as const) {
    await lab.ask(from, { address: UPSTREAM, name: NAME });
    await lab.ask(from, { address: UPSTREAM, name: NAME, transport: "tcp" });
  }
  stage.say(`
nodens answers the DNS queries of a Kubernetes node on the node itself.
No pod has to be changed for it, and none notices when it dies.

This machine plays a small cluster, in three network namespaces:

   pod  ────────────  node  ────────────  cluster
   asks ${SERVICE}    kube-proxy's rules     kube-dns ${KUBE_DNS}`);
  stage.title("1. Without nodens");
  stage.say(`Programs ask the cluster's DNS service, ${SERVICE}. Rules on the node send each
query across the network to kube-dns, and the kernel has to remember each of them.\n`);
  await showQuestions(stage, lab, [
    { from: "pod", what: "a pod", isKept: true, by: "kube-dns" },
    { from: "node", what: "a program on the node", isKept: true, by: "kube-dns" },
  ]);
  const flows = (await lab.conntrack()).length;
  stage.fact(flows === 2, `connection tracking remembers ${flows} queries`);
}

async function showStart(stage: Stage, lab: Lab): Promise<LabNodens> {
  stage.title("2. nodens starts on the node");
  stage.say(`  $ ${commandLine()}\n`);
  const { nodens, tookMs } = await startIntercepting(lab);
  stage.fact(true, `it has taken over ${ADDRESSES.join(" and ")} after ${tookMs.toFixed(0)} ms`);
  await showQuestions(stage, lab, [
    { from: "pod", what: "the pod, same socket", isKept: true, by: "nodens", isCached: false },
    { from: "pod", what: "the pod again", isKept: true, by: "nodens", isCached: true },
    { from: "pod", what: "another, by TCP", transport: "tcp", by: "nodens", isCached: true },
    { from: "node", what: "on the node, same socket", isKept: true, by: "nodens", isCached: true },
    {
      ...{ from: "pod", what: "a pod that asks", address: LINK_LOCAL },
      ...{ by: "nodens", isCached: true },
    },
  ]);
  const flows = await lab.conntrack();
  const text = `connection tracking remembers ${flows.length} of these queries`;
  stage.fact(flows.length === 0, text, flows[0]);
  await showQuery(stage, lab);
  return nodens;
}

/** The same by our own command, as somebody in the pod would type it. */
async function showQuery(stage: Stage, lab: Lab): Promise<void> {
  const words = ["query", NAME, "A", `@${SERVICE}`];
  stage.say(`\n  pod$ nodens ${words.join(" ")}`);
  const { stdout, stderr, code } = await lab.attempt("pod", EXECUTABLE, words);
  stage.say((stdout + stderr).trimEnd().replace(/^/gm, "    "));
  stage.fact(code === 0 && stdout.includes("192.0.2.100"), "this is the answer of nodens");
}

async function showRules(stage: Stage, lab: Lab, nodens: LabNodens): Promise<void> {
  const rules = (await lab.rules(4)).filter((rule) => rule.includes("nodens: "));
  const all = await lab.addresses();
  const links = all.filter((line) => ADDRESSES.some((one) => line.includes(one)));
  const hasTun = nodens.stdout().includes("lease tun");
  const link = hasTun ? "a link that exists as long as nodens does" : "a link of nodens";
  stage.say(`\nHow: the addresses are now the node's own, on ${link}.
While they are, rules keep their packets away from kube-proxy's:\n`);
  for (const line of links) stage.say(`    ${line}`);
  const shown = rules.filter((rule) => rule.includes(SERVICE) && /-p udp/.test(rule));
  for (const rule of shown) stage.say(`    ${shortRule(rule)}`);
  stage.fact(links.length > 0 && shown.length > 0, `there are ${rules.length} rules of nodens`);
}

async function showKill(stage: Stage, lab: Lab, nodens: LabNodens): Promise<void> {
  stage.title("3. nodens is killed");
  stage.say("Programs in the pod and on the node ask both addresses all the time, while:\n");
  const loads = [await lab.load("pod", LOAD), await lab.load("node", LOAD)];
  await passTime(LOAD_MS / 3);
  stage.say(`  $ kill -9 ${nodens.pid}\n`);
  const killedMs = monotonicMs();
  process.kill(nodens.pid, "SIGKILL");
  await nodens.ended;
  await showQuestions(stage, lab, [
    { from: "pod", what: "the pod, same socket", isKept: true, by: "kube-dns" },
    { from: "node", what: "on the node, same socket", isKept: true, by: "kube-dns" },
    { from: "pod", what: "another, by TCP", transport: "tcp", by: "kube-dns" },
    { from: "pod", what: "a pod that asks", address: LINK_LOCAL, by: "kube-dns" },
  ]);
  await passTime(LOAD_MS);
  await showLosses(stage, loads, killedMs);
  stage.say(`
Nothing of nodens could run any more to arrange this: the kernel took back what nodens held,
and who answered before answers again, at the same address.`);
}

async function showLosses(stage: Stage, loads: readonly Load[], killedMs: number): Promise<void> {
  const reports: LoadReport[] = await Promise.all(loads.map((load) => load.stop()));
  const all = total(reports);
  const probes = reports.flatMap((report) => report.probes);
  const againMs = Math.max(...probes.map((one) => answeredAgainMs(one.probes, killedMs)));
  for (const [transport, limit] of [
    ["udp", 1],
    ["tcp", 2],
  ] as const) {
    const { clients, asked, lostMax } = total(reports, (one) => one.transport === transport);
    const each = lostMax === 1 ? "1 query" : `${lostMax} queries`;
    const text = `${clients} clients asked ${asked} queries by ${transport.toUpperCase()}`;
    stage.fact(lostMax <= limit, `${text}; none lost more than ${each}`);
  }
  stage.fact(all.byKubeDns > 0 && all.byNodens > 0, "nodens has answered them, then kube-dns");
  stage.fact(
    againMs < AGAIN_MS_MAX,
    `all was answered again ${againMs.toFixed(0)} ms after the kill`,
  );
}

async function showReturn(stage: Stage, lab: Lab, untouched: string): Promise<void> {
  stage.title("4. nodens returns, and leaves in good order");
  const { nodens, tookMs } = await startIntercepting(lab);
  stage.fact(true, `it has taken over again after ${tookMs.toFixed(0)} ms`);
  await showQuestions(stage, lab, [
    { from: "pod", what: "the pod, same socket", isKept: true, by: "nodens", isCached: false },
  ]);
  stage.say(`\n  $ kill ${nodens.pid}\n`);
  const code = await nodens.stop("SIGTERM");
  stage.fact(code === 0, "it has stopped with exit code 0", `${code}: ${nodens.stderr()}`);
  await showQuestions(stage, lab, [
    { from: "pod", what: "the pod, same socket", isKept: true, by: "kube-dns" },
    { from: "node", what: "on the node, same socket", isKept: true, by: "kube-dns" },
  ]);
  const left = difference(untouched, await lab.snapshot());
  stage.fact(left === "", "rules, links, addresses and routes are as they were before", left);
}

/** Asks them one after the other, and says who has answered. */
async function showQuestions(
  stage: Stage,
  lab: Lab,
  questions: readonly Question[],
): Promise<void> {
  for (const { from, what, by, isCached, isKept, ...rest } of questions) {
    const before = await upstreamQueries(lab);
    const address = rest.address ?? SERVICE;
    const kept = isKept ? { socket: KEPT } : {};
    const reply = await lab.ask(from, { address, name: NAME, ...rest, ...kept });
    const hasAsked = (await upstreamQueries(lab)) > before;
    const isRight =
      reply.by === by &&
      reply.error === undefined &&
      (isCached === undefined || isCached !== hasAsked);
    const asker = `${what} → ${address}`.padEnd(44);
    const whence =
      by === "nodens" ? (isCached ? "nodens, from its cache" : "nodens, asking kube-dns") : by;
    const found = reply.error ?? `${reply.by}, ${hasAsked ? "which has asked" : "from its cache"}`;
    stage.fact(isRight, `${asker} ${whence.padEnd(26)} ${reply.tookMs.toFixed(1)} ms`, found);
  }
}

async function upstreamQueries(lab: Lab): Promise<number> {
  const { upstream } = await lab.kubeDnsCounts();
  return upstream.udp + upstream.tcp;
}

async function startIntercepting(lab: Lab): Promise<{ nodens: LabNodens; tookMs: number }> {
  const nodens = lab.startNodens(corefileFor(ADDRESSES, [UPSTREAM]), flags());
  return { nodens, tookMs: await lab.untilIntercepting(nodens, ADDRESSES) };
}

function flags(): string[] {
  return ["-localip", ADDRESSES.join(","), "-fallback", KUBE_DNS];
}

function commandLine(): string {
  return `nodens -conf Corefile ${flags().join(" ")}`;
}

function showOwnTries(stage: Stage, lab: Lab, isOnce: boolean): void {
  if (isOnce) return;
  stage.say("\nAsk it yourself, in another terminal:");
  for (const place of ["pod", "node"] as const) {
    const command = `dist/nodens query ${NAME} A @${SERVICE}`;
    stage.say(`  sudo ip netns exec ${lab.names[place]} ${command}`);
  }
  stage.say(`  (192.0.2.100 is an answer by nodens, 192.0.2.200 one by kube-dns)`);
}

/** A rule without what nobody reads. */
function shortRule(rule: string): string {
  return rule
    .replace(/ -m comment --comment "[^"]*"/, "")
    .replace(/ -m (udp|tcp)\b/, "")
    .replace(/ --(to-destination|set-mark) /, " to ");
}

/** Lines that one text has and the other has not. */
function difference(before: string, after: string): string {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const gone = old.filter((line) => !now.includes(line)).map((line) => `missing ${line}`);
  const added = now.filter((line) => !old.includes(line)).map((line) => `new ${line}`);
  return [...gone, ...added].join("; ");
}

async function untilEnter(stage: Stage, what: string): Promise<void> {
  stage.say(`\n[${what}]`);
  // Nobody is there to press it.
  if (process.stdin.readableEnded) return;
  process.stdin.resume();
  await Promise.race([once(process.stdin, "data"), once(process.stdin, "end")]);
  process.stdin.pause();
}

function passTime(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.exitCode = await main();
