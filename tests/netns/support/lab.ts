/**
 * A Kubernetes node in three network namespaces, for tests and for the playground:
 *
 *     pod ─── node ─── cluster
 *
 * `pod` is a client. In `node`, kube-proxy's rules lead the Service's address to kube-dns, and
 * nodens is started there. `cluster` has the stand-in for kube-dns. Who has which address is in
 * places.ts. All of it goes when the test ends, whichever way it does.
 */

import { rmSync } from "node:fs";
import process from "node:process";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import {
  EXECUTABLE,
  type LaunchedNodens,
  launchNodens,
  writeCorefile,
} from "../../support/nodens_process.ts";
import { until } from "../../support/until.ts";
import type { AskedQuestion, AskedReply } from "./asker.ts";
import { type Companion, startCompanion } from "./companion.ts";
import type { KubeDnsCounts, KubeDnsSettings } from "./kube_dns.ts";
import { kubeProxyRules } from "./kube_proxy.ts";
import { type Load, type LoadSettings, monotonicMs, startLoad } from "./load.ts";
import {
  attempt,
  enter,
  type Finished,
  needRoot,
  newNames,
  PLACES,
  type Place,
  type RunOptions,
  removeLeftovers,
  removeNamespace,
  run,
  writeEtcFile,
} from "./namespaces.ts";
import { type Backend, isLocal, NodeState } from "./node_state.ts";
import { CLUSTER_IP, makeNetwork, UPSTREAM_ENDPOINTS } from "./places.ts";
import { program } from "./programs.ts";

export interface LabOptions {
  /** Which iptables kube-proxy uses. Default `nft`. */
  readonly backend?: Backend;
  /** Endpoints of each Service, 1 or 2. Default 1. */
  readonly endpointCount?: 1 | 2;
  /** How long kube-dns takes for names that begin with `miss-`. Default 30. */
  readonly missDelayMs?: number;
  /** Of all answers. Default 30. */
  readonly ttlSec?: number;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Another way to run it: words before the flags. Default dist/nodens. */
  readonly command?: readonly string[];
}

export interface LabNodens extends LaunchedNodens {
  /** When it was started, in CLOCK_MONOTONIC. */
  readonly startedMs: number;
  readonly corefile: string;
}

/** How long lookups by glibc have taken. */
export interface LookupFigures {
  readonly count: number;
  readonly failed: number;
  readonly over100Ms: number;
  readonly msMax: number;
  /** Lookups from the limit before to this one, in ms. */
  readonly below: Readonly<Record<string, number>>;
}

const LOOKUPS_TIMEOUT_MS = 120_000;
const INTERCEPT_TIMEOUT_MS = 10_000;
const POLL_QUESTION_MS = 100;

/** Builds it. @throws {Error} when this process is not root, or a tool is missing. */
export async function createLab(context: Ending, options: LabOptions = {}): Promise<Lab> {
  needRoot("build the laboratory");
  await removeLeftovers();
  const lab = new Lab(context, options.backend ?? "nft");
  cleanUp(context, () => lab.remove());
  await makeNetwork(lab.names);
  writeEtcFile(lab.names.pod, "resolv.conf", `nameserver ${CLUSTER_IP[4]}\n`);
  writeEtcFile(lab.names.node, "resolv.conf", `nameserver ${UPSTREAM_ENDPOINTS[0]?.[4]}\n`);
  for (const family of [4, 6] as const) {
    const text = kubeProxyRules(family, { endpointCount: options.endpointCount ?? 1 });
    await lab.restoreRules(family, text);
  }
  const { missDelayMs = 30, ttlSec = 30 } = options;
  await Promise.all([lab.startKubeDns({ missDelayMs, ttlSec }), lab.startAskers()]);
  return lab;
}

/** A Corefile with one server block that asks `kube-dns-upstream` by the families given. */
export function corefileFor(addresses: readonly string[], upstream: readonly string[]): string {
  return `.:53 {
    bind ${addresses.join(" ")}
    errors
    cache 30
    forward . ${upstream.join(" ")}
}
`;
}

export class Lab extends NodeState {
  readonly #context: Ending;
  readonly #askers = new Map<Place, Promise<Companion>>();
  #kubeDns: Companion | null = null;

  constructor(context: Ending, backend: Backend) {
    super(newNames(), backend);
    this.#context = context;
  }

  /** Runs a program to its end; never rejects. */
  attempt(
    place: Place,
    command: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Finished> {
    const [program = "", ...words] = enter(this.names[place]);
    return attempt([program, ...words, command, ...args], this.#withLock(options));
  }

  /** What it wrote. @throws {Error} when it fails. */
  run(
    place: Place,
    command: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<string> {
    const [program = "", ...words] = enter(this.names[place]);
    return run([program, ...words, command, ...args], this.#withLock(options));
  }

  /** Starts a program; it is killed when the test ends. Its process id is the program's own. */
  spawn(
    place: Place,
    command: string,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): LaunchedNodens {
    const words = [...enter(this.names[place]), command];
    const launched = launchNodens(args, words, this.#withLock({ env }).env);
    cleanUp(this.#context, () => launched.stop("SIGKILL"));
    return launched;
  }

  /** Starts nodens in `node` and waits for nothing. */
  startNodens(
    corefile: string,
    flags: readonly string[],
    { env = {}, command = [EXECUTABLE] }: StartOptions = {},
  ): LabNodens {
    const written = writeCorefile(corefile);
    cleanUp(this.#context, () => written.remove());
    const [program = EXECUTABLE, ...words] = command;
    const startedMs = monotonicMs();
    const parameters = [...words, "-conf", written.file, ...flags];
    const launched = this.spawn("node", program, parameters, env);
    return { ...launched, startedMs, corefile: written.file };
  }

  /**
   * Waits until a client's question to each of the addresses is answered by nodens, and returns the
   * time since it was started, in ms. None is asked before the address is the node's own, so that
   * no flow is left behind in conntrack.
   *
   * @throws {Error} with what nodens wrote.
   */
  async untilIntercepting(
    nodens: Pick<LabNodens, "child" | "startedMs" | "stdout" | "stderr">,
    addresses: readonly string[],
    from: Place = "pod",
  ): Promise<number> {
    const observer = await this.#asker("node");
    const hasEnded = () => nodens.child.exitCode !== null || nodens.child.signalCode !== null;
    try {
      for (const address of addresses) {
        const isAnswered = async () => {
          if (hasEnded()) throw new Error("nodens has ended");
          if (!isLocal(observer.pid, address)) return false;
          const name = "hit-ready.example.org";
          const reply = await this.ask(from, { address, name, timeoutMs: POLL_QUESTION_MS });
          return reply.by === "nodens";
        };
        await until(`nodens answers for ${address}`, isAnswered, INTERCEPT_TIMEOUT_MS);
      }
    } catch (error) {
      const written = (nodens.stdout() + nodens.stderr()).trim() || "it wrote nothing";
      throw new Error(`Cannot intercept: ${(error as Error).message}: ${written}`);
    }
    return monotonicMs() - nodens.startedMs;
  }

  /** Whether the address is one of the node's own. */
  async hasAddress(address: string): Promise<boolean> {
    return isLocal((await this.#asker("node")).pid, address);
  }

  /** Asks one question from a namespace. Never rejects: the reply says what went wrong. */
  async ask(place: Place, question: AskedQuestion): Promise<AskedReply> {
    return (await this.#asker(place)).request<AskedReply>(question);
  }

  /** Starts load from a namespace, and returns when each of its clients has had an answer. */
  async load(
    place: Place,
    settings: Partial<LoadSettings> & Pick<LoadSettings, "targets">,
  ): Promise<Load> {
    const load = await startLoad(this.names[place], settings);
    cleanUp(this.#context, () => load.kill());
    return load;
  }

  /** Looks names up by glibc, which asks whom the namespace's resolv.conf names. */
  async getaddrinfo(
    place: Place,
    lookups: { readonly name: string; readonly count: number; readonly threads: number },
  ): Promise<LookupFigures> {
    const { name, count, threads } = lookups;
    const path = await program("getaddrinfo");
    const options = { timeoutMs: LOOKUPS_TIMEOUT_MS };
    const text = await this.run(place, path, [name, String(count), String(threads)], options);
    return JSON.parse(text) as LookupFigures;
  }

  /** How often kube-dns has been asked, and how. */
  async kubeDnsCounts(): Promise<KubeDnsCounts> {
    if (this.#kubeDns === null) throw new Error("Cannot count: kube-dns has not been started");
    return this.#kubeDns.request<KubeDnsCounts>("counts");
  }

  async startKubeDns(settings: KubeDnsSettings): Promise<void> {
    this.#kubeDns = await startCompanion(this.names.cluster, "kube_dns.ts", settings);
  }

  /** Those who ask in pod and node, so that none has to start while a time is taken. */
  async startAskers(): Promise<void> {
    await Promise.all([this.#asker("pod"), this.#asker("node")]);
  }

  /** Kills kube-dns; the namespace that it was in stays. */
  async stopKubeDns(): Promise<void> {
    await this.#kubeDns?.stop();
    this.#kubeDns = null;
  }

  /** Processes first: what holds a socket or a device would keep its namespace alive. */
  async remove(): Promise<void> {
    const askers = await Promise.allSettled(this.#askers.values());
    for (const asker of askers) if (asker.status === "fulfilled") await asker.value.stop();
    await this.stopKubeDns();
    for (const place of PLACES) await removeNamespace(this.names[place]);
    rmSync(this.lockFile, { force: true });
  }

  #asker(place: Place): Promise<Companion> {
    const known = this.#askers.get(place);
    if (known !== undefined) return known;
    const started = startCompanion(this.names[place], "asker.ts", {});
    this.#askers.set(place, started);
    return started;
  }

  /** With a lock for iptables that is the laboratory's own: others' rules do not wait for ours. */
  #withLock(options: RunOptions): RunOptions & { readonly env: NodeJS.ProcessEnv } {
    return { ...options, env: { ...process.env, XTABLES_LOCKFILE: this.lockFile, ...options.env } };
  }
}
