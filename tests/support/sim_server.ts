/**
 * The real server on the simulated kernel: what `serve()` makes of a Corefile, turned by hand.
 *
 * Time stands still until a test lets it pass: `settle()` runs the server until it would sleep,
 * `pass()` lets it sleep and wake for so long.
 */

import { Cache } from "../../src/cache/cache.ts";
import { compilePlan } from "../../src/config/compile.ts";
import type { Config } from "../../src/config/config.ts";
import { requireConfig } from "../../src/config/load.ts";
import { type InterfaceAddresses, memorySource } from "../../src/config/source.ts";
import { ViewNumbers } from "../../src/config/view_numbers.ts";
import { configNoteMemory } from "../../src/handoff/config_note.ts";
import { controlMemory } from "../../src/handoff/control.ts";
import { type CounterName, countersMemory, readCounters } from "../../src/handoff/counters.ts";
import { metricsMemory } from "../../src/handoff/metrics_memory.ts";
import type { Plan } from "../../src/handoff/plan.ts";
import { PlanNumbers } from "../../src/handoff/plan_numbers.ts";
import { RingReader, ringMemory } from "../../src/handoff/ring.ts";
import type { WorkerStart } from "../../src/handoff/worker_start.ts";
import { CHANNELS_MAX } from "../../src/limits.ts";
import { Loop } from "../../src/server/loop.ts";
import { PLANE_SLAB_BYTES } from "../../src/server/plane.ts";
import { createPlane } from "../../src/server/serve.ts";
import { CHANNEL_TCP } from "../../src/upstream/channels.ts";
import { SimKernel } from "./sim_kernel.ts";
import type { SimKernelOptions } from "./sim_system.ts";

const COREFILE = "Corefile";
const RING_BYTES = 64 * 1024;
/** Turns without sleeping after which the server is thought to spin. */
const TURNS_MAX = 10_000;

export interface SimServerOptions extends SimKernelOptions {
  readonly corefile: string;
  /** Further files, by path: `/etc/resolv.conf`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly interfaces?: readonly InterfaceAddresses[];
  /** Default 4 MiB. */
  readonly cacheBytes?: number;
}

export class SimServer {
  readonly sim: SimKernel;
  readonly loop: Loop;
  /** In effect at the moment. */
  plan: Plan;
  /** Read last. */
  config!: Config;
  readonly rows = new PlanNumbers();
  /** Records for the plugins `log` and `errors`. */
  readonly records: RingReader;
  readonly #counters = countersMemory(1);
  readonly metricsMemory = metricsMemory(1);
  readonly configMemory = configNoteMemory();
  readonly #options: SimServerOptions;
  readonly #numbers = new ViewNumbers();
  #generation = 0;
  /** Descriptors open right after the start. */
  readonly openCountAtStart: number;

  /** @throws {ConfigError | SysError} when the server cannot start. */
  constructor(options: SimServerOptions) {
    const { corefile, cacheBytes = 4 * 1024 * 1024 } = options;
    this.#options = options;
    this.plan = this.#compile(corefile);
    this.sim = new SimKernel({ slabBytes: PLANE_SLAB_BYTES, ...options });
    const ring = ringMemory(RING_BYTES);
    this.records = new RingReader(ring);
    const cacheMemory = Cache.memoryFor(cacheBytes);
    const start: Omit<WorkerStart, "plans"> = {
      worker: 1,
      workerCount: 1,
      plan: this.plan,
      cacheMemory,
      countersMemory: this.#counters,
      metricsMemory: this.metricsMemory,
      controlMemory: controlMemory(),
      ringMemory: ring,
      originMs: 0,
      hashSeed: this.sim.prng.uint32() | 0,
      instance: "5eed",
      configMemory: this.configMemory,
      descriptorMemory: new SharedArrayBuffer(0),
    };
    this.loop = new Loop(createPlane(start, this.sim));
    this.loop.open();
    this.#numbers.keep(0);
    this.openCountAtStart = this.sim.openCount;
  }

  /**
   * Takes over another Corefile.
   *
   * @param onPlan gets its plan before that is in effect.
   * @throws {ConfigError | SysError | RangeError} when that cannot be; the server goes on as it is.
   */
  reload(corefile: string, onPlan?: (plan: Plan) => void): void {
    const plan = this.#compile(corefile);
    onPlan?.(plan);
    this.loop.adopt(plan);
    this.plan = plan;
    this.#numbers.keep(this.sim.clock.nowMs);
  }

  /** Runs the server until it has nothing to do at this moment. */
  settle(): void {
    this.runUntil(this.sim.clock.nowMs);
  }

  /** Lets `ms` milliseconds pass. */
  pass(ms: number): void {
    this.runUntil(this.sim.clock.nowMs + ms);
  }

  runUntil(atMs: number): void {
    const { sim } = this;
    sim.horizonMs = atMs;
    const reachedBefore = sim.horizonCount;
    let nowMs = sim.clock.nowMs;
    for (let turns = 0; sim.horizonCount === reachedBefore; turns++) {
      if (turns > TURNS_MAX) throw new Error(`the server spins at ${nowMs} ms`);
      this.loop.turn();
      if (sim.clock.nowMs !== nowMs) turns = 0;
      nowMs = sim.clock.nowMs;
    }
  }

  #compile(corefile: string): Plan {
    const { files, interfaces = [] } = this.#options;
    const source = memorySource({ ...files, [COREFILE]: corefile }, { interfaces });
    const { config } = requireConfig({ confFile: COREFILE, source });
    this.#generation += 1;
    const nowMs = this.#generation === 1 ? 0 : this.sim.clock.nowMs;
    this.config = config;
    return compilePlan(config, this.#generation, {
      numbers: this.#numbers,
      rows: this.rows,
      nowMs,
    });
  }

  counter(name: CounterName): number {
    return readCounters(this.#counters)[name];
  }

  /** What the server still holds for questions that nobody waits for any more; all 0 is right. */
  get leftOver(): Readonly<Record<string, number>> {
    const { plane } = this.loop;
    return {
      pending: plane.pending.usedCount,
      waiters: plane.waiters.usedCount,
      timers: plane.pending.timers.count,
      inFlight: plane.routes.reduce((sum, route) => sum + route.inFlightCount, 0),
    };
  }

  /** TCP connections in use towards each upstream of the plan. */
  get tcpConnectionCounts(): number[] {
    const { channels, upstreams } = this.loop.plane;
    const counts = upstreams.map(() => 0);
    for (let channel = 0; channel < CHANNELS_MAX; channel++) {
      if (!channels.isOpen(channel) || channels.kinds[channel] !== CHANNEL_TCP) continue;
      if (channels.retiring[channel] === 0) counts[channels.upstreams[channel]!]! += 1;
    }
    return counts;
  }

  close(): void {
    this.loop.close();
  }
}
