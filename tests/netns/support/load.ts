/** Load on DNS addresses from inside a namespace, and its figures. */

import process from "node:process";
import { until } from "../../support/until.ts";
import type { AskedReply } from "./asker.ts";
import { type Companion, startCompanion } from "./companion.ts";
import type { LossReason } from "./load_counter.ts";

export interface LoadSettings {
  /** Addresses that are asked, at port 53. */
  readonly targets: readonly string[];
  /** Per target. Every second one keeps its connected socket, the others take one per query. */
  readonly udpClients: number;
  /** Per target. Each keeps its connection. */
  readonly tcpClients: number;
  /** From one query of a client to the next, if that has been answered or is lost by then. */
  readonly intervalMs: number;
  /** Queries of a hundred that nobody has in a cache, as a number from 0 to 1. */
  readonly missShare: number;
  /** A query that has no answer by then is lost. */
  readonly timeoutMs: number;
  /** Of the prober of each target; 0 is no prober. */
  readonly probeIntervalMs: number;
}

export interface ClientKind {
  readonly target: string;
  readonly transport: "udp" | "tcp";
  readonly kind: "kept" | "fresh";
}

/** A client's figures since the last time they were read. */
export interface ClientFigures extends ClientKind {
  /** Queries that have ended: the sum of the next four. */
  readonly asked: number;
  readonly byNodens: number;
  readonly byKubeDns: number;
  /** Answers that are errors (SERVFAIL) or not those of the stand-in. */
  readonly errors: number;
  readonly lost: number;
  readonly losses: Readonly<Partial<Record<LossReason, number>>>;
  /** The longest time from one answer to the next. */
  readonly gapMsMax: number;
}

export interface Probe {
  /** CLOCK_MONOTONIC. */
  readonly sentMs: number;
  /** 0 is never. */
  readonly answeredMs: number;
  readonly by: AskedReply["by"];
  readonly isOver: boolean;
}

export interface ProbeRecord {
  readonly target: string;
  /** In the order in which they were sent. */
  readonly probes: readonly Probe[];
}

export interface LoadReport {
  readonly clients: readonly ClientFigures[];
  readonly probes: readonly ProbeRecord[];
  /** Processor time of the load itself, since it was started. */
  readonly cpuMs: number;
}

export interface Load {
  /** The figures since the last time; what is under way counts in the next. */
  read(): Promise<LoadReport>;
  /** Asks no more, waits for what is under way, and ends. */
  stop(): Promise<LoadReport>;
  /** Ends it at once; nothing after `stop`. */
  kill(): Promise<void>;
}

/** Sum of the figures of several clients. */
export interface Total {
  readonly clients: number;
  readonly asked: number;
  readonly byNodens: number;
  readonly byKubeDns: number;
  readonly errors: number;
  readonly lost: number;
  /** The most that a single client has lost. */
  readonly lostMax: number;
  readonly gapMsMax: number;
}

/** With 20 clients of 20 ms and their prober: 1,000 queries/s. */
export const LOAD_DEFAULTS: Omit<LoadSettings, "targets"> = {
  udpClients: 12,
  tcpClients: 4,
  intervalMs: 20,
  missShare: 0.1,
  timeoutMs: 1_000,
  probeIntervalMs: 5,
};

/** What has to follow an answer for the service to be back: none of so many probes is lost. */
const STEADY_PROBES = 20;
const FIRST_ANSWERS_TIMEOUT_MS = 5_000;

/** Starts the load, and returns when each of its clients has had an answer. */
export async function startLoad(
  namespace: string,
  settings: Partial<LoadSettings> & Pick<LoadSettings, "targets">,
): Promise<Load> {
  const all: LoadSettings = { ...LOAD_DEFAULTS, ...settings };
  const companion = await startCompanion(namespace, "load_client.ts", all);
  try {
    await until(
      "every client of the load has an answer",
      () => companion.request<boolean>("hasAnswers"),
      FIRST_ANSWERS_TIMEOUT_MS,
    );
    await companion.request("read");
  } catch (error) {
    await companion.stop();
    throw error;
  }
  return loadOf(companion);
}

function loadOf(companion: Companion): Load {
  return {
    read: () => companion.request<LoadReport>("read"),
    async stop() {
      const report = await companion.request<LoadReport>("stop");
      await companion.stop();
      return report;
    },
    kill: () => companion.stop(),
  };
}

/** The clock of probes, here. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function total(
  reports: readonly LoadReport[],
  wanted: (client: ClientFigures) => boolean = () => true,
): Total {
  const clients = reports.flatMap((report) => report.clients).filter(wanted);
  const sum = (key: "asked" | "byNodens" | "byKubeDns" | "errors" | "lost") =>
    clients.reduce((count, client) => count + client[key], 0);
  return {
    clients: clients.length,
    asked: sum("asked"),
    byNodens: sum("byNodens"),
    byKubeDns: sum("byKubeDns"),
    errors: sum("errors"),
    lost: sum("lost"),
    lostMax: Math.max(0, ...clients.map((client) => client.lost)),
    gapMsMax: Math.max(0, ...clients.map((client) => client.gapMsMax)),
  };
}

/**
 * From `fromMs` until an answer came to a query that was sent after it, none of the next
 * {@link STEADY_PROBES} being lost; Infinity when that was never.
 */
export function answeredAgainMs(probes: readonly Probe[], fromMs: number): number {
  const later = probes.filter((probe) => probe.sentMs > fromMs);
  const lastLost = (begin: number) => {
    const next = later.slice(begin, begin + 1 + STEADY_PROBES);
    return begin + next.findLastIndex((probe) => probe.answeredMs === 0);
  };
  for (let index = 0; index + STEADY_PROBES < later.length; index++) {
    const lost = lastLost(index);
    if (lost < index) return later[index]!.answeredMs - fromMs;
    index = lost;
  }
  return Number.POSITIVE_INFINITY;
}

/** The figures on lines for people, a line per kind of client. */
export function describeLoad(reports: readonly LoadReport[]): string {
  const clients = reports.flatMap((report) => report.clients);
  const kinds = new Set(clients.map(kindText));
  const lines = [...kinds].map((kind) => {
    const figures = total(reports, (client) => kindText(client) === kind);
    const reasons = clients.filter((client) => kindText(client) === kind).map(lossText);
    const { asked, byNodens, byKubeDns, errors, lost, lostMax, gapMsMax } = figures;
    const why = [...new Set(reasons.filter(Boolean))].join("; ");
    const gap = gapMsMax.toFixed(0);
    const answers = `${byNodens} by nodens, ${byKubeDns} by kube-dns, ${errors} errors`;
    return `${kind}: ${asked} asked, ${answers}, ${lost} lost (${lostMax} by one), gap ${gap} ms ${why}`;
  });
  return lines.join("\n");
}

function kindText({ target, transport, kind }: ClientKind): string {
  return `${target} ${transport} ${kind}`;
}

function lossText({ losses }: ClientFigures): string {
  return Object.entries(losses)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ");
}
