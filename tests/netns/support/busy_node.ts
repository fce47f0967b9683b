/**
 * What most tests here have in common: nodens on the four usual addresses, and 2,000 queries a
 * second on them, half from the pod and half from the node itself.
 */

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { corefileFor, type Lab, type LabNodens, type StartOptions } from "./lab.ts";
import { type ClientFigures, describeLoad, type Load, type LoadReport, total } from "./load.ts";
import type { Place } from "./namespaces.ts";
import { CLUSTER_IP, KUBE_DNS_ENDPOINTS, NODE_LOCAL, UPSTREAM_IP } from "./places.ts";

export const SERVICE_ADDRESSES: readonly string[] = [CLUSTER_IP[4], CLUSTER_IP[6]];
/** No Service has them: without nodens only rules of ours lead anywhere. */
export const LOCAL_ADDRESSES: readonly string[] = [NODE_LOCAL[4], NODE_LOCAL[6]];
export const ADDRESSES: readonly string[] = [...SERVICE_ADDRESSES, ...LOCAL_ADDRESSES];

const FALLBACK = `${KUBE_DNS_ENDPOINTS[0]![4]},[${KUBE_DNS_ENDPOINTS[0]![6]}]:53`;
const UDP_CLIENTS = 6;
const TCP_CLIENTS = 2;
/** Of one of the two places. */
const QUERIES_PER_MS = 1;
/** A query is lost when it has no answer by then: looked at any earlier, it would not count. */
const TIMEOUT_MS = 800;
const SETTLE_MS = TIMEOUT_MS + 150;

export interface UsualOptions extends StartOptions {
  readonly addresses?: readonly string[];
  readonly lease?: string;
  /** Further ones. */
  readonly flags?: readonly string[];
}

/** Starts nodens and waits for nothing. */
export function startUsual(lab: Lab, options: UsualOptions = {}): LabNodens {
  const { addresses = ADDRESSES, lease = "tun", flags = [], ...start } = options;
  const corefile = corefileFor(addresses, [UPSTREAM_IP[4]]);
  const usual = ["-localip", addresses.join(), "-fallback", FALLBACK, "-lease", lease];
  return lab.startNodens(corefile, [...usual, ...flags], start);
}

/** Clients of both places. */
export class BusyNode {
  readonly #loads: readonly Load[];

  static async start(
    lab: Lab,
    targets: readonly string[],
    places: readonly Place[] = ["pod", "node"],
  ): Promise<BusyNode> {
    const perTarget = UDP_CLIENTS + TCP_CLIENTS;
    const settings = {
      ...{ targets, udpClients: UDP_CLIENTS, tcpClients: TCP_CLIENTS, timeoutMs: TIMEOUT_MS },
      intervalMs: (perTarget * targets.length) / QUERIES_PER_MS,
    };
    const loads: Load[] = [];
    for (const place of places) loads.push(await lab.load(place, settings));
    return new BusyNode(loads);
  }

  constructor(loads: readonly Load[]) {
    this.#loads = loads;
  }

  /** Figures since the last time. */
  async read(): Promise<Seen> {
    return new Seen(await Promise.all(this.#loads.map((load) => load.read())));
  }

  /** The same, once whatever is under way now has been answered or counts as lost. */
  async settle(): Promise<Seen> {
    await delay(SETTLE_MS);
    return this.read();
  }

  async stop(): Promise<Seen> {
    return new Seen(await Promise.all(this.#loads.map((load) => load.stop())));
  }
}

/** What the clients have seen. */
export class Seen {
  readonly reports: readonly LoadReport[];
  readonly text: string;
  readonly udp: ReturnType<typeof total>;
  readonly tcp: ReturnType<typeof total>;
  readonly all: ReturnType<typeof total>;

  constructor(reports: readonly LoadReport[]) {
    this.reports = reports;
    this.text = describeLoad(reports);
    const of = (transport: ClientFigures["transport"]) =>
      total(reports, (client) => client.transport === transport);
    this.udp = of("udp");
    this.tcp = of("tcp");
    this.all = total(reports);
  }

  /** Of all clients, by the reason. */
  get losses(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { losses } of this.reports.flatMap(({ clients }) => clients)) {
      for (const [reason, count] of Object.entries(losses)) {
        sums[reason] = (sums[reason] ?? 0) + count;
      }
    }
    return sums;
  }

  /** @throws {AssertionError} when a client has lost more than that, or has got an error. */
  expectLost(max: { readonly udp: number; readonly tcp: number }): this {
    assert.ok(this.udp.lostMax <= max.udp, this.text);
    assert.ok(this.tcp.lostMax <= max.tcp, this.text);
    assert.equal(this.all.errors, 0, this.text);
    assert.ok(this.all.asked > 0, this.text);
    return this;
  }
}
