/**
 * The same for every way to die: nodens intercepts all addresses, pod and host ask them, something
 * happens, and what clients noticed of it is held against what is promised.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Ending } from "../../support/clean_up.ts";
import type { AskedReply } from "./asker.ts";
import type { ControlGroup } from "./control_group.ts";
import type { Figures } from "./figures.ts";
import { corefileFor, createLab, type Lab, type LabNodens, type StartOptions } from "./lab.ts";
import {
  answeredAgainMs,
  type ClientFigures,
  describeLoad,
  type LoadReport,
  monotonicMs,
  type Probe,
  type ProbeRecord,
  total,
} from "./load.ts";
import type { Place } from "./namespaces.ts";
import type { Backend } from "./node_state.ts";
import { CLUSTER_IP, KUBE_DNS_ENDPOINTS, NODE_LOCAL, UPSTREAM_IP } from "./places.ts";

/** Both kinds, both families. */
export const ADDRESSES: readonly string[] = [
  CLUSTER_IP[4],
  CLUSTER_IP[6],
  NODE_LOCAL[4],
  NODE_LOCAL[6],
];
/** Where queries for addresses without a Service go when nodens is gone. */
export const FALLBACK = `${KUBE_DNS_ENDPOINTS[0]![4]},[${KUBE_DNS_ENDPOINTS[0]![6]}]:53`;

export interface StageOptions extends StartOptions {
  /** Of kube-proxy. Default `nft`. */
  readonly backend?: Backend;
  /** Flags besides the addresses and where they lead without us. */
  readonly flags?: readonly string[];
  /** Into which nodens is put as soon as it has a process id. */
  readonly group?: ControlGroup;
}

export interface Stage {
  readonly lab: Lab;
  readonly nodens: LabNodens;
}

export interface Outage {
  /** Queries of the load a second, before the event; probers come on top. */
  readonly ratePerSec: number;
  /** From the event on, until what could be lost is lost. */
  readonly reports: readonly LoadReport[];
  /** After that, when everything has settled. */
  readonly settled: readonly LoadReport[];
  /** Of each address from each place. */
  readonly probed: readonly Probed[];
  /** From the event to the answers that came again, everywhere. */
  readonly againMs: number;
  /** For the message of a test that fails. */
  readonly text: string;
}

export interface Probed {
  readonly place: Place;
  readonly target: string;
  /** When the event was. */
  readonly eventMs: number;
  readonly probes: readonly Probe[];
}

export interface OutageOptions {
  /** Default both, pod and host. */
  readonly places?: readonly Place[];
  /** Resolves when all is well again. Default after 300 ms. */
  readonly recovered?: () => Promise<unknown>;
}

/** 160 clients from two places: 2,000 queries/s. */
const LOAD = {
  targets: ADDRESSES,
  udpClients: 14,
  tcpClients: 6,
  intervalMs: 80,
  timeoutMs: 1_000,
  probeIntervalMs: 20,
};
/** With less than that on a machine that is busy otherwise, nothing would be shown. */
const RATE_MIN = 1_500;
const BEFORE_MS = 500;
const SETTLED_MS = 500;
const DURATION_MS = 300;

/** A node on which nodens has taken over all addresses. */
export async function startStage(context: Ending, options: StageOptions = {}): Promise<Stage> {
  const { backend = "nft", flags = [], group, ...start } = options;
  const lab = await createLab(context, { backend });
  const corefile = corefileFor(ADDRESSES, [UPSTREAM_IP[4]]);
  const parameters = ["-localip", ADDRESSES.join(), "-fallback", FALLBACK, ...flags];
  const nodens = lab.startNodens(corefile, parameters, start);
  group?.add(nodens.pid);
  await lab.untilIntercepting(nodens, ADDRESSES);
  return { lab, nodens };
}

/**
 * What clients notice of an event.
 *
 * @param event returns the moment from which it counts, in CLOCK_MONOTONIC; null where nobody knows
 *   it: then it is that of the last answer that a prober has had from nodens.
 * @throws {Error} when not all was well before.
 */
export async function observe(
  lab: Lab,
  event: () => number | Promise<number | null>,
  options: OutageOptions = {},
): Promise<Outage> {
  const { places = ["pod", "node"], recovered = () => delay(DURATION_MS) } = options;
  const loads = await Promise.all(places.map((place) => lab.load(place, LOAD)));
  const read = () => Promise.all(loads.map((load) => load.read()));
  await read();
  const beginMs = monotonicMs();
  await delay(BEFORE_MS);
  const before = await read();
  const ratePerSec = (total(before).asked * 1_000) / (monotonicMs() - beginMs);
  const { asked, byNodens } = total(before);
  if (byNodens < asked) throw new Error(`Not all was well before:\n${describeLoad(before)}`);
  const eventMs = await event();
  await recovered();
  await delay(LOAD.timeoutMs);
  const reports = await read();
  await delay(SETTLED_MS);
  const settled = await Promise.all(loads.map((load) => load.stop()));
  const records = places.flatMap((place, index) =>
    probesOf(reports[index]!, settled[index]!).map((record) => ({ place, ...record })),
  );
  const sinceMs = eventMs ?? lastAnswerMs(records);
  const probed = records.map((record) => ({ ...record, eventMs: sinceMs }));
  const again = probed.map(({ probes, eventMs }) => answeredAgainMs(probes, eventMs));
  return {
    ...{ ratePerSec, reports, settled, probed },
    againMs: Math.max(...again),
    text: [
      describeLoad(reports),
      `settled:\n${describeLoad(settled)}`,
      ...probed.map(({ place, target }, index) => `${target} from ${place}: ${again[index]} ms`),
    ].join("\n"),
  };
}

/**
 * From the event to the first answer by somebody to a query that was sent after it, where that was
 * latest; `after` is who has to have answered before. Infinity when that was never.
 */
export function firstAnswerMs(
  { probed }: Outage,
  by: AskedReply["by"],
  after?: AskedReply["by"],
): number {
  const all = probed.map(({ probes, eventMs }) => {
    const later = probes.filter((probe) => probe.sentMs > eventMs && probe.answeredMs > 0);
    const begin = after === undefined ? 0 : later.findIndex((probe) => probe.by === after);
    const first = begin < 0 ? undefined : later.slice(begin).find((probe) => probe.by === by);
    return (first?.answeredMs ?? Number.POSITIVE_INFINITY) - eventMs;
  });
  return Math.max(...all);
}

/** Holds an outage after which kube-dns answers against what is promised. */
export function noteFailOver(
  figures: Figures,
  outage: Outage,
  { againMsMax = 100, rateMin = RATE_MIN }: { againMsMax?: number; rateMin?: number } = {},
): void {
  const { ratePerSec, reports, settled, againMs } = outage;
  figures.atLeast("queries a second before", ratePerSec, rateMin);
  figures.atMost("lost by one UDP client", total(reports, isUdp).lostMax, 1);
  figures.atMost("lost by one TCP client", total(reports, isTcp).lostMax, 2);
  figures.atMost("answered again", againMs, againMsMax, "ms");
  figures.atMost("lost later", total(settled).lost, 0);
  figures.atMost("answers that were errors", total([...reports, ...settled]).errors, 0);
  const clients = settled.flatMap((report) => report.clients);
  const isServed = ({ asked, byKubeDns }: ClientFigures) => asked > 0 && byKubeDns === asked;
  const others = clients.filter((client) => !isServed(client));
  const isKept = (client: ClientFigures) => isUdp(client) && client.kind === "kept";
  figures.atMost("kept sockets that kube-dns does not answer", others.filter(isKept).length, 0);
  figures.atMost("other clients that it does not", others.filter((one) => !isKept(one)).length, 0);
}

function probesOf(first: LoadReport, second: LoadReport): ProbeRecord[] {
  return first.probes.map(({ target, probes }) => {
    const later = second.probes.find((one) => one.target === target)?.probes ?? [];
    return { target, probes: [...probes, ...later] };
  });
}

/** When nodens answered for the last time. */
function lastAnswerMs(records: readonly ProbeRecord[]): number {
  const probes = records.flatMap((record) => record.probes).filter(({ by }) => by === "nodens");
  return Math.max(0, ...probes.map((probe) => probe.answeredMs));
}

export function isUdp({ transport }: ClientFigures): boolean {
  return transport === "udp";
}

export function isTcp({ transport }: ClientFigures): boolean {
  return transport === "tcp";
}
