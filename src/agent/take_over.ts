/** Puts interception together from its parts: see interception.ts for what it then does. */

import type { RunOptions } from "../config/run_options.ts";
import { readCounters } from "../handoff/counters.ts";
import type { Plan } from "../handoff/plan.ts";
import { loggerOf } from "../log/logger.ts";
import { type InterceptionMetrics, interceptionMetrics } from "../metrics/interception_metrics.ts";
import { type MetricsServer, startMetricsServer } from "../metrics/metrics_server.ts";
import { Registry } from "../metrics/registry.ts";
import { chooseLease } from "../net/choose_lease.ts";
import { clusterUpstreams } from "../net/cluster_upstreams.ts";
import { hasForeignListener } from "../net/foreign_listener.ts";
import { systemMachine } from "../net/iptables_backend.ts";
import { type Lease, SETUP_ERROR_TYPES } from "../net/lease.ts";
import { findIpvsConflicts } from "../net/proxy_mode.ts";
import type { InterceptSettings } from "../net/settings.ts";
import { ChangeWatch } from "../net/watch.ts";
import { systemCommands } from "../sys/commands.ts";
import type { ControlKernel } from "../sys/control_kernel.ts";
import { openControlKernel } from "../sys/open_kernel.ts";
import { Sockets } from "../sys/sockets.ts";
import type { DataPlane } from "./data_plane.ts";
import { FallbackKeeper } from "./fallback_keeper.ts";
import { interceptPlan } from "./intercept_plan.ts";
import { Interception } from "./interception.ts";
import type { InterceptionEvents, InterceptionParts } from "./interception_parts.ts";
import { canResolve, probeInstance } from "./probe.ts";
import { RuleKeeper } from "./rule_keeper.ts";
import { WorkerBell } from "./worker_bell.ts";

const PROBE_TIMEOUT_MS = 500;
const RESOLVE_TIMEOUT_MS = 2000;
const ROOT = ".";
const LOOPBACK = "127.0.0.1";

export interface TakeOverOptions {
  readonly options: RunOptions;
  readonly plan: Plan;
  readonly instance: string;
}

/** Interception, as far as it can be put together without a data plane. */
export interface TakeOver {
  /**
   * A compiled plan with what interception needs in it.
   *
   * @throws {Error} when nothing would listen on an address.
   */
  intercept(plan: Plan): Plan;
  /** The plan before interception that is in effect from now on. */
  usePlan(plan: Plan): void;
  /** Counts a reading of the configuration that had errors. */
  noteConfigErrors(): void;
  /** See `DataPlaneOptions`. */
  openBell(port: number): WorkerBell;
  connect(dataPlane: DataPlane): Interception;
  close(): Promise<void>;
}

/**
 * @throws {Error} when nothing would listen on an address, or it is kube-proxy's in IPVS mode: no
 * waiting mends that.
 */
export async function createTakeOver(given: TakeOverOptions): Promise<TakeOver> {
  const { options, plan, instance } = given;
  const settings = interceptSettings(options);
  const [conflict] = await findIpvsConflicts(settings.addresses, systemMachine);
  if (conflict !== undefined) throw new Error(conflict.message);
  const registry = new Registry();
  const metrics = interceptionMetrics(registry, SETUP_ERROR_TYPES);
  const intercept = (one: Plan) => interceptPlan(one, settings.addresses, settings.port);
  // For the mistake to be seen at once.
  intercept(plan);
  let cluster = clusterUpstreams(plan);
  const kernel = openControlKernel();
  const sockets = new Sockets(kernel);
  const byte = kernel.pointer(kernel.slab.carve(1));
  let watch: ChangeWatch | null = null;
  let server: MetricsServer | null = null;
  let interception: Interception | null = null;
  return {
    intercept,
    usePlan: (next) => {
      const before = JSON.stringify(cluster);
      cluster = clusterUpstreams(next);
      if (JSON.stringify(cluster) !== before) interception?.lookAnew();
    },
    noteConfigErrors: () => metrics.countSetupError("configmap"),
    close: async () => {
      watch?.close();
      await server?.close();
    },
    openBell: (port) => new WorkerBell(kernel, sockets, { port, byte }),
    connect(dataPlane) {
      const privatePorts = () => dataPlane.privatePorts;
      const events = interceptionEvents(metrics);
      const fallbacks = new FallbackKeeper({ settings, cluster: () => cluster, privatePorts });
      const rules = new RuleKeeper(settings, fallbacks);
      const changes = new ChangeWatch(kernel, () => rules.legacyTables);
      watch = changes;
      const parts: InterceptionParts = {
        desiredRules: (kind) => rules.desiredRules(kind),
        refresh: () => rules.refresh(),
        applyRules: (desired) => rules.applyRules(desired),
        removeRules: (keep) => rules.removeRules(keep),
        keptRules: (desired) => rules.keptRules(desired),
        openLease: async () => await openLease(settings, kernel, events),
        pollChanges: () => changes.poll(),
        proveWorkers: () => {
          const replyCount = () => readCounters(dataPlane.countersMemory).upstreamReplies;
          const zone = cluster.zone ?? ROOT;
          return proveWorkers({ ports: privatePorts(), zone, instance, replyCount });
        },
        probeAddress: (address, sourceCount) => {
          const where = { address, port: settings.port, instance };
          return probeInstance({ ...where, sourceCount, timeoutMs: PROBE_TIMEOUT_MS });
        },
        isShared: (address) => hasForeignListener(address, settings.port),
        queryCount: () => readCounters(dataPlane.countersMemory).queriesUdp,
        nowMs: () => performance.now(),
        events,
      };
      server = startMetricsServer({
        address: options.nodeCache.metricsListenAddress,
        text: () => registry.text(),
        onProblem: (text) => loggerOf("metrics").warn("{text}", { text }),
      });
      interception = new Interception(parts, settings);
      return interception;
    },
  };
}

async function openLease(
  settings: InterceptSettings,
  kernel: ControlKernel,
  { info }: InterceptionEvents,
): Promise<Lease> {
  const { lease, refused } = await chooseLease(settings, { kernel, commands: systemCommands });
  for (const { kind, reason } of refused) info(`no lease ${kind}: ${reason}`);
  return lease;
}

function interceptSettings({ nodeCache, takeOver, dnsPort }: RunOptions): InterceptSettings {
  const { localIps, setupInterface, setupIptables, interfaceName } = nodeCache;
  const { healthPort, syncIntervalMs, skipTeardown } = nodeCache;
  return {
    ...{ addresses: localIps, port: dnsPort, healthPort, syncIntervalMs, skipTeardown },
    ...{ setupInterface, setupIptables, interfaceName },
    ...takeOver,
  };
}

/** Every worker itself, and by one of them whether there is an upstream. */
async function proveWorkers(options: {
  readonly ports: readonly number[];
  readonly zone: string;
  readonly instance: string;
  readonly replyCount: () => number;
}): Promise<string | null> {
  const { ports, zone, instance, replyCount } = options;
  const before = replyCount();
  const probes = ports.map((port) =>
    probeInstance({
      address: LOOPBACK,
      port,
      instance,
      sourceCount: 1,
      timeoutMs: PROBE_TIMEOUT_MS,
    }),
  );
  const results = await Promise.all(probes);
  if (results.length === 0 || results.some(({ ours }) => ours === 0)) {
    return "a worker does not answer";
  }
  const resolves = await canResolve(ports[0]!, zone, RESOLVE_TIMEOUT_MS);
  // An upstream's own SERVFAIL is a sign of life, too: it would be no better without us.
  return resolves || replyCount() > before ? null : `no upstream answers for "${zone}"`;
}

function interceptionEvents(metrics: InterceptionMetrics): InterceptionEvents {
  const logger = loggerOf("intercept");
  return {
    info: (text) => logger.info("{text}", { text }),
    warn: (text) => logger.warn("{text}", { text }),
    failed: (type, text) => {
      metrics.countSetupError(type);
      if (text !== null) logger.warn("{text}", { text });
    },
    changed: (change, kind) => {
      metrics.countChange(change);
      metrics.setIntercepting(change !== "dropped");
      metrics.setLease(change === "dropped" ? null : kind);
    },
  };
}
