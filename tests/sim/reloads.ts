/**
 * Configurations that change at random moments, under clients that ask all the time and upstreams
 * that are lossy and slow, from one seed.
 *
 * Whatever is changed, and whatever is refused: every question gets exactly one answer, one that
 * its server block would give; and in the end nothing is left over of what is gone.
 */

import { LISTENERS_MAX } from "../../src/limits.ts";
import { Prng } from "../../src/std/prng.ts";
import { EADDRINUSE } from "../../src/sys/errno.ts";
import { SimServer } from "../support/sim_server.ts";
import { listensAt, PlanHistory } from "./plan_history.ts";
import {
  ALIAS,
  FICKLE,
  randomCorefile,
  SEARCH_FILE,
  SEARCH_TEXT,
  STEADY,
  UPSTREAMS,
  ZONES,
} from "./random_corefile.ts";
import { ReloadClient, type ReloadTally } from "./reload_client.ts";
import { NO_TROUBLES, SerialUpstreams } from "./serial_upstream.ts";

export interface ReloadReport extends ReloadTally {
  /** What went against the rules; empty is right. */
  readonly violations: readonly string[];
  readonly reloads: number;
  readonly refusals: number;
  readonly upstreamQueries: number;
  readonly hits: number;
}

const NAMES_PER_ZONE = 4;
const PAUSES_MS = [0, 0, 1, 10, 50, 200, 1000, 3000];
/** Longer than any failure is kept, an upstream stays down, or a question waits. */
const HEALING_MS = 30_000;
const SETTLING_MS = 60_000;

export function simulateReloads(seed: number, rounds: number): ReloadReport {
  return new ReloadSimulation(seed).run(rounds);
}

class ReloadSimulation {
  readonly #prng: Prng;
  readonly #server: SimServer;
  readonly #history = new PlanHistory();
  readonly #upstreams: SerialUpstreams;
  readonly #clients: readonly ReloadClient[];
  readonly #violations: string[] = [];
  readonly #tally: ReloadTally = { asked: 0, answered: 0, failed: 0, refused: 0 };
  #corefile: string;
  #isHealed = false;
  #reloads = 0;
  #refusals = 0;
  #slab = { usedBytes: 0, upstreams: 0 };

  constructor(seed: number) {
    const prng = new Prng(seed);
    this.#prng = prng;
    this.#corefile = randomCorefile(prng);
    const server = createServer(this.#corefile, prng.uint32());
    this.#server = server;
    const { clock } = server.sim;
    this.#history.add(server.plan, clock.nowMs);
    this.#upstreams = new SerialUpstreams(server, prng, UPSTREAMS, this.#history);
    const { given } = this.#upstreams;
    const judges = { history: this.#history, given, tally: this.#tally };
    this.#clients = [STEADY, STEADY, ...FICKLE].flatMap((address, index) =>
      [false, true].map((overTcp) => {
        const own = `198.51.100.${2 * index + (overTcp ? 2 : 1)}`;
        return new ReloadClient(server, prng, judges, { address: own, server: address, overTcp });
      }),
    );
    // One of them is far away.
    for (const [from, to] of [
      ["198.51.100.1", "*"],
      ["*", "198.51.100.1"],
    ] as const) {
      server.sim.network.setPath(from, to, { delayMs: 5, jitterMs: 40 });
    }
  }

  run(rounds: number): ReloadReport {
    for (let round = 0; round < rounds && this.#violations.length === 0; round++) {
      if (this.#prng.chance(0.2)) this.#makeTrouble();
      this.#askSome(this.#prng.below(10));
      if (this.#prng.chance(0.4)) this.#reload(randomCorefile(this.#prng));
      this.#server.pass(this.#prng.pick(PAUSES_MS));
      this.#checkSlab();
      this.#collect();
    }
    this.#heal();
    this.#expectAllWell();
    this.#expectNothingLeft();
    this.#collect();
    return {
      ...this.#tally,
      violations: this.#violations,
      reloads: this.#reloads,
      refusals: this.#refusals,
      upstreamQueries: this.#upstreams.queryCount,
      hits: this.#server.counter("hits"),
    };
  }

  #askSome(count: number): void {
    for (let index = 0; index < count; index++) {
      const client = this.#prng.pick(this.#clients);
      if (!listensAt(this.#server.plan, client.options.server)) continue;
      client.ask(this.#randomName(), this.#prng.pick(["A", "A", "A", "AAAA", "ANY"]));
    }
    // It has arrived, and waits: now is when a reload would lose it.
    this.#server.sim.clock.runDue();
  }

  #randomName(): string {
    if (this.#prng.chance(0.05)) return ALIAS.from;
    const prefix = this.#prng.chance(0.1) ? "x" : "n";
    // Some that are cached, and some that hardly ever are.
    const count = this.#prng.pick([NAMES_PER_ZONE, 1000]);
    return `${prefix}${this.#prng.below(count)}.${this.#prng.pick(ZONES)}`;
  }

  #reload(corefile: string): void {
    const { sim } = this.#server;
    if (!this.#isHealed && this.#prng.chance(0.1)) sim.failNext("bind", EADDRINUSE, 1);
    try {
      this.#server.reload(corefile, (plan) => this.#history.add(plan, sim.clock.nowMs));
      this.#corefile = corefile;
      this.#reloads += 1;
    } catch (error) {
      const { message } = error as Error;
      if (!/^Cannot (listen|use this configuration yet)/.test(message)) throw error;
      this.#history.takeBack();
      this.#refusals += 1;
    }
    sim.failNoMore();
  }

  #makeTrouble(): void {
    const prng = this.#prng;
    const { network } = this.#server.sim;
    const address = prng.pick(UPSTREAMS);
    this.#upstreams.setTroubles(address, {
      silent: prng.pick([0, 0, 0.1, 1]),
      servfail: prng.pick([0, 0, 0.1]),
      truncated: prng.pick([0, 0, 0.3]),
    });
    const path = {
      delayMs: prng.below(120),
      jitterMs: prng.below(100),
      lossRatio: prng.pick([0, 0, 0.05, 0.3]),
      duplicateRatio: prng.pick([0, 0.1]),
    };
    network.setPath("*", address, path);
    network.setPath(address, "*", path);
  }

  #heal(): void {
    const { network } = this.#server.sim;
    for (const address of UPSTREAMS) {
      this.#upstreams.setTroubles(address, NO_TROUBLES);
      network.setPath("*", address, { delayMs: 2 });
      network.setPath(address, "*", { delayMs: 2 });
    }
    this.#isHealed = true;
    // Numbers of what has changed lately are free again.
    this.#server.pass(HEALING_MS);
    // Probes of `loop` are never over.
    this.#reload(randomCorefile(this.#prng).replaceAll(/^ *loop$/gm, ""));
    this.#server.pass(HEALING_MS);
  }

  /** The last configuration, and no other, answers everything. */
  #expectAllWell(): void {
    for (const client of this.#clients) {
      client.expectNothingOpen();
      client.mustSucceed = true;
    }
    const steady = this.#clients.filter(({ options }) => options.server === STEADY);
    for (const zone of ZONES) {
      for (let number = 0; number < NAMES_PER_ZONE; number++) {
        this.#prng.pick(steady).ask(`n${number}.${zone}`, "A");
        // One after the other, because of `max_concurrent`.
        this.#server.pass(100);
      }
    }
    for (const client of this.#clients) client.expectNothingOpen();
  }

  #expectNothingLeft(): void {
    const server = this.#server;
    server.pass(SETTLING_MS);
    const fresh = createServer(this.#corefile, 1);
    const expected = { ...fresh.leftOver, descriptors: fresh.openCountAtStart, ...tables(fresh) };
    const found = { ...server.leftOver, descriptors: server.sim.openCount, ...tables(server) };
    for (const [what, count] of Object.entries(found)) {
      const wanted = expected[what as keyof typeof expected];
      if (count !== wanted) this.#violations.push(`there are ${count} ${what}, not ${wanted}`);
    }
    this.#expectFreeNumbers();
  }

  /** What comes next gets the lowest numbers but those of what is there. */
  #expectFreeNumbers(): void {
    const { plane } = this.#server.loop;
    const routes = () => this.#server.plan.views.flatMap(({ id }) => plane.views[id]!.routes);
    const before = new Set(routes());
    this.#reload(randomCorefile(this.#prng));
    const added = routes().filter((route) => !before.has(route));
    const last = Math.max(-1, ...added.map((route) => route.number));
    if (last >= before.size + added.length) this.#violations.push(`a route has number ${last}`);
    if (plane.upstreams.length > 2 * plane.upstreams.filter((one) => one.isInPlan).length + 64) {
      this.#violations.push(`there are ${plane.upstreams.length} upstreams`);
    }
  }

  /** Memory of the slab is for ever: it goes to upstreams with new numbers, and to nothing else. */
  #checkSlab(): void {
    const { plane } = this.#server.loop;
    const { usedBytes } = plane.kernel.slab;
    const upstreams = plane.probeOffsets.filter((offset) => offset >= 0).length;
    const before = this.#slab;
    this.#slab = { usedBytes, upstreams };
    if (before.usedBytes === 0 || upstreams > before.upstreams) return;
    if (usedBytes > before.usedBytes) this.#violations.push("memory of the slab is lost");
  }

  #collect(): void {
    for (const source of [...this.#clients, this.#upstreams]) {
      this.#violations.push(...source.violations.splice(0));
    }
  }
}

function createServer(corefile: string, seed: number): SimServer {
  const addresses = [STEADY, ...FICKLE];
  return new SimServer({ corefile, seed, addresses, files: { [SEARCH_FILE]: SEARCH_TEXT } });
}

/** What is in the tables of a server that has nothing to do. */
function tables({ loop, plan }: SimServer) {
  const { plane } = loop;
  const { listeners, exchanges, cache, channels, tcpClients } = plane;
  const ids = Array.from({ length: 256 }, (_, id) => id);
  const gone = ids.filter((id) => plan.views.every((view) => view.id !== id));
  const entries = (id: number) => cache.memory.entriesOf(id, 0) + cache.memory.entriesOf(id, 1);
  return {
    views: plane.views.filter((view) => view !== undefined).length,
    "views that leave": plane.tables.leavingMs.size,
    "answers of views that are gone": gone.reduce((sum, id) => sum + entries(id), 0),
    listeners: ids.filter((id) => id < LISTENERS_MAX && listeners.udpFds[id]! >= 0).length,
    "listeners that leave": listeners.leaving.length,
    exchanges: [...exchanges.heldViews].length + exchanges.waitingCount,
    channels: channels.usedCount,
    "connections of clients": tcpClients.connectionCount,
  };
}
