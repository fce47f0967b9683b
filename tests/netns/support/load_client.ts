/**
 * Many DNS clients in one process inside a namespace, as a companion; each counts what it loses.
 * All of them wait for an answer before they ask again, so that an outage of a moment costs a
 * client at most the one query that it had outstanding. Its figures are described in load.ts.
 */

import process from "node:process";
import { serveParent, settingsOfParent } from "./companion.ts";
import { encodeQuery } from "./dns_wire.ts";
import type { LoadReport, LoadSettings } from "./load.ts";
import { LoadCounter } from "./load_counter.ts";
import { Prober } from "./load_prober.ts";
import { TcpClient } from "./load_tcp.ts";
import { FreshUdpClient, KeptUdpClient } from "./load_udp.ts";

/** A client of some kind: sends a query, and says how that has ended by its counter. */
export interface LoadClient {
  readonly counter: LoadCounter;
  /** Whether it waits for an answer. */
  readonly isBusy: boolean;
  ask(query: Buffer): void;
  /** Gives up on a query that was sent before `ms`. */
  expire(ms: number): void;
  close(): void;
}

const HIT_NAMES = 50;
/** How often the clock is looked at, for queries that are due and for those that are lost. */
const TICK_MS = 1;

const hits = Array.from({ length: HIT_NAMES }, (_, index) =>
  encodeQuery(`hit-${index}.example.org`, 0),
);
let missCount = 0;

function main(settings: LoadSettings): void {
  const clients = settings.targets.flatMap((target) => makeClients(target, settings));
  const probers = settings.targets
    .filter(() => settings.probeIntervalMs > 0)
    .map((target) => new Prober(target, settings));
  // Spread over the interval, so that not all ask in the same millisecond.
  const dueMs = clients.map((_, index) => nowMs() + (settings.intervalMs * index) / clients.length);
  let isStopping = false;
  const timer = setInterval(() => {
    const now = nowMs();
    for (let index = 0; index < clients.length; index++) {
      const client = clients[index]!;
      if (client.isBusy) {
        client.expire(now - settings.timeoutMs);
      } else if (now >= dueMs[index]! && !isStopping) {
        // Who is late keeps his place in the interval: else all would soon ask at the same time.
        const missed = Math.floor((now - dueMs[index]!) / settings.intervalMs);
        dueMs[index] = dueMs[index]! + (missed + 1) * settings.intervalMs;
        client.ask(nextQuery(settings.missShare));
      }
    }
  }, TICK_MS);
  for (const prober of probers) prober.start();

  const report = (): LoadReport => {
    const now = nowMs();
    return {
      clients: clients.map((client) => client.counter.take(now)),
      probes: probers.map((prober) => prober.take()),
      cpuMs: process.cpuUsage().user / 1e3 + process.cpuUsage().system / 1e3,
    };
  };
  serveParent(async (message: "read" | "hasAnswers" | "stop") => {
    if (message === "read") return report();
    if (message === "hasAnswers") {
      return clients.every((client) => client.counter.hasAnswer);
    }
    isStopping = true;
    for (const prober of probers) prober.stop();
    const isIdle = () => clients.every((one) => !one.isBusy) && probers.every((one) => one.isIdle);
    while (!isIdle()) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    clearInterval(timer);
    for (const client of clients) client.close();
    return report();
  });
}

function makeClients(target: string, settings: LoadSettings): LoadClient[] {
  const udp = Array.from({ length: settings.udpClients }, (_, index) => {
    const Kind = index % 2 === 0 ? KeptUdpClient : FreshUdpClient;
    const kind = index % 2 === 0 ? "kept" : "fresh";
    return new Kind(target, new LoadCounter({ target, transport: "udp", kind }));
  });
  const tcp = Array.from({ length: settings.tcpClients }, () => {
    return new TcpClient(target, new LoadCounter({ target, transport: "tcp", kind: "kept" }));
  });
  return [...udp, ...tcp];
}

/** A name that is in the cache after its first time, or one that never is. */
function nextQuery(missShare: number): Buffer {
  if (Math.random() < missShare) {
    // Not of this process alone: the same name from elsewhere would be a hit.
    return encodeQuery(`miss-${process.pid}-${missCount++}.example.org`, 0);
  }
  // A copy: some clients send it later, with an id of their own in it.
  return Buffer.from(hits[Math.floor(Math.random() * HIT_NAMES)]!);
}

/** The clock of all figures: CLOCK_MONOTONIC, the same in every process of the machine. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

if (import.meta.main) main(settingsOfParent());
