/**
 * The whole server under random clients, lossy paths and unreliable upstreams, from one seed.
 *
 * Whatever happens: every question gets exactly one answer, right or SERVFAIL, within five seconds;
 * no answer contradicts the truth at all times within its TTL; nothing is asked of the wrong
 * upstream; what is in flight is bounded; and once the world is well again, so is the server, with
 * nothing left over.
 */

import { PENDING_MAX, TCP_CHANNELS_PER_UPSTREAM } from "../../src/limits.ts";
import { Prng } from "../../src/std/prng.ts";
import { EMFILE, ENETUNREACH } from "../../src/sys/errno.ts";
import { SimServer } from "../support/sim_server.ts";
import { type Faults, FaultyUpstream, NO_FAULTS } from "./faulty_upstream.ts";
import { RandomClient, STALE_TTL_SEC, type Tally } from "./random_client.ts";
import { Truth } from "./truth.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Rounds, each with some questions, some trouble and up to 200 ms. Default 400. */
  readonly rounds?: number;
}

export interface SimulationReport extends Tally {
  /** What went against the rules; empty is right. */
  readonly violations: readonly string[];
  readonly upstreamQueries: number;
  readonly hits: number;
  readonly simulatedMs: number;
}

const ZONES = ["example.org.", "example.net."];
const SERVERS = [
  { address: "192.0.2.53", port: 53 },
  { address: "127.0.0.1", port: 53 },
];
const UPSTREAM_SETS = [["203.0.113.1", "203.0.113.2", "203.0.113.3"], ["203.0.113.9"]];
const CLIENTS = 12;
const NAMES_PER_ZONE = 12;
const ROUND_MS_MAX = 200;
/** Longer than any failure is kept, an upstream stays down, or a question waits. */
const HEALING_MS = 12_000;
const SETTLING_MS = 40_000;

export function simulate(options: SimulationOptions): SimulationReport {
  return new Simulation(options.seed).run(options.rounds ?? 400);
}

class Simulation {
  readonly #prng: Prng;
  readonly #server: SimServer;
  readonly #truth: Truth;
  readonly #upstreams: readonly FaultyUpstream[];
  readonly #clients: readonly RandomClient[];
  readonly #violations: string[] = [];
  readonly #tally: Tally = { asked: 0, right: 0, failed: 0, truncated: 0, abandoned: 0, stale: 0 };
  readonly #startMs: number;
  #openCountIdle = 0;

  constructor(seed: number) {
    const prng = new Prng(seed);
    const capSec = prng.pick([5, 30, 3600]);
    const staleSec = prng.pick([0, 10, 300]);
    this.#prng = prng;
    this.#server = new SimServer({
      corefile: randomCorefile(prng, capSec, staleSec),
      seed: prng.uint32(),
    });
    const { clock } = this.#server.sim;
    this.#startMs = clock.nowMs;
    this.#truth = new Truth(prng, ZONES, NAMES_PER_ZONE, clock.nowMs);
    this.#upstreams = UPSTREAM_SETS.flatMap((addresses, index) =>
      addresses.map((address) => {
        const local = { address, port: 53 };
        return new FaultyUpstream(this.#server, prng, this.#truth, `.${ZONES[index]}`, local);
      }),
    );
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => {
      const address = `198.51.100.${index + 1}`;
      const server = prng.pick(SERVERS);
      const isLossy = prng.chance(0.2);
      if (isLossy) this.#disturb(address);
      const client = { address, server, capSec, staleSec, isLossy };
      return new RandomClient(this.#server, prng, this.#truth, this.#tally, client);
    });
    this.#server.settle();
    this.#openCountIdle = this.#server.sim.openCount;
  }

  run(rounds: number): SimulationReport {
    for (let round = 0; round < rounds && this.#violations.length === 0; round++) {
      this.#makeTrouble();
      this.#askSome(this.#prng.below(8));
      this.#server.pass(this.#prng.below(ROUND_MS_MAX));
      this.#checkBounds();
      this.#collect();
    }
    this.#heal();
    this.#server.pass(HEALING_MS);
    this.#expectAllWell();
    this.#server.pass(SETTLING_MS);
    this.#expectNothingLeft();
    this.#collect();
    return {
      ...this.#tally,
      violations: this.#violations,
      upstreamQueries: this.#upstreams.reduce((sum, { queryCount }) => sum + queryCount, 0),
      hits: this.#server.counter("hits"),
      simulatedMs: this.#server.sim.clock.nowMs - this.#startMs,
    };
  }

  /** Makes the path of a client a bad one, both ways. */
  #disturb(address: string): void {
    const path = { delayMs: 20, jitterMs: 50, lossRatio: 0.1, duplicateRatio: 0.1 };
    this.#server.sim.network.setPath(address, "*", path);
    this.#server.sim.network.setPath("*", address, path);
  }

  #askSome(count: number): void {
    for (let index = 0; index < count; index++) {
      const client = this.#prng.pick(this.#clients);
      if (this.#prng.chance(0.05)) client.misbehave();
      client.ask(this.#prng.pick(this.#truth.questions), this.#prng.chance(0.3));
    }
  }

  /** Now and then, something changes for the worse or the better. */
  #makeTrouble(): void {
    const prng = this.#prng;
    const { sim } = this.#server;
    if (prng.chance(0.3)) this.#truth.change(prng.pick(this.#truth.questions), sim.clock.nowMs);
    const upstream = prng.pick(this.#upstreams);
    if (prng.chance(0.05)) upstream.faults = randomFaults(prng);
    if (prng.chance(0.02)) upstream.stop();
    if (prng.chance(0.1)) upstream.listen();
    if (prng.chance(0.05)) {
      const path = {
        delayMs: prng.below(120),
        jitterMs: prng.below(100),
        lossRatio: prng.pick([0, 0, 0.05, 0.3, 1]),
        duplicateRatio: prng.pick([0, 0.1]),
      };
      sim.network.setPath("*", upstream.local.address, path);
      sim.network.setPath(upstream.local.address, "*", path);
    }
    if (prng.chance(0.01)) sim.failNext("socket", EMFILE, 1 + prng.below(3));
    if (prng.chance(0.01)) sim.failNext("connect", ENETUNREACH, 1 + prng.below(3));
    if (prng.chance(0.01)) sim.failNext("accept4", EMFILE, 1);
  }

  #heal(): void {
    const { network } = this.#server.sim;
    this.#server.sim.failNoMore();
    for (const upstream of this.#upstreams) {
      upstream.faults = NO_FAULTS;
      upstream.listen();
      network.setPath("*", upstream.local.address, { delayMs: 2 });
      network.setPath(upstream.local.address, "*", { delayMs: 2 });
    }
    for (const client of this.#clients) client.settle();
  }

  /** The world is well: every question has its answer, and it is no failure. */
  #expectAllWell(): void {
    for (const client of this.#clients) client.expectNothingOpen();
    for (const client of this.#clients) client.mustSucceed = true;
    for (const question of this.#truth.questions) {
      this.#prng.pick(this.#clients).ask(question, this.#prng.chance(0.5));
    }
    this.#server.pass(1000);
    for (const client of this.#clients) client.expectNothingOpen();
  }

  #checkBounds(): void {
    const { pending } = this.#server.leftOver;
    const distinct = this.#truth.questions.length * 4;
    if (pending! > Math.min(distinct, PENDING_MAX)) this.#violations.push(`${pending} are pending`);
    for (const [upstream, count] of this.#server.tcpConnectionCounts.entries()) {
      // Those that take no more queries wait for late replies, and are not counted.
      if (count <= TCP_CHANNELS_PER_UPSTREAM) continue;
      this.#violations.push(`upstream ${upstream} has ${count} TCP connections in use`);
    }
  }

  #expectNothingLeft(): void {
    for (const [what, count] of Object.entries(this.#server.leftOver)) {
      if (count !== 0) this.#violations.push(`${count} ${what} are left over`);
    }
    const { openCount } = this.#server.sim;
    if (openCount > this.#openCountIdle) {
      this.#violations.push(`${openCount - this.#openCountIdle} descriptors are left open`);
    }
    const { sigpipeCount } = this.#server.sim;
    if (sigpipeCount > 0) this.#violations.push(`${sigpipeCount} writes would raise SIGPIPE`);
  }

  #collect(): void {
    for (const source of [...this.#clients, ...this.#upstreams]) {
      this.#violations.push(...source.violations.splice(0));
    }
  }
}

function randomFaults(prng: Prng): Faults {
  const ratio = () => prng.pick([0, 0, 0, 0, 0.05, 0.3]);
  return {
    servfail: ratio(),
    refused: ratio(),
    wrongId: ratio(),
    wrongQuestion: ratio(),
    malformed: ratio(),
    truncated: ratio(),
    noReply: prng.pick([0, 0, 0.1, 1]),
    hangUp: ratio(),
  };
}

function randomMode(prng: Prng): string {
  const mode = prng.pick(["immediate", "verify", "verify 0s", "verify 200ms"]);
  const timeout = mode === "verify" ? "verify 1800ms" : mode;
  return `${timeout} ${STALE_TTL_SEC}s ${prng.pick([1, 5])}s`;
}

function randomCorefile(prng: Prng, capSec: number, staleSec: number): string {
  const forward = (upstreams: readonly string[]) => [
    `  forward . ${upstreams.join(" ")} {`,
    `    policy ${prng.pick(["random", "round_robin", "sequential"])}`,
    prng.chance(0.3) ? "    force_tcp" : "    prefer_udp",
    `    max_fails ${prng.pick([0, 1, 2])}`,
    prng.chance(0.2) ? "    failfast_all_unhealthy_upstreams" : "",
    "  }",
  ];
  const block = (keys: string, upstreams: readonly string[]) => [
    `${keys} {`,
    ...forward(upstreams),
    `  cache ${capSec} {`,
    prng.chance(0.5) ? `    prefetch ${prng.pick([1, 3])} 1m ${prng.pick([10, 90])}%` : "",
    staleSec === 0 ? "" : `    serve_stale ${staleSec}s ${randomMode(prng)}`,
    "  }",
    "}",
  ];
  const [first, second] = UPSTREAM_SETS;
  return [...block("example.org:53", first!), ...block("example.net:53", second!), ""].join("\n");
}
