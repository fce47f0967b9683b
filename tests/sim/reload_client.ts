/**
 * A client of the simulation of reloads: whatever changes meanwhile, each of its questions gets
 * exactly one answer, and one that some configuration since the question would give.
 */

import type { ViewPlan } from "../../src/handoff/plan.ts";
import type { Prng } from "../../src/std/prng.ts";
import {
  type DnsMessage,
  decodeMessage,
  dnsMessage,
  encodeMessage,
  messageText,
  RCODES,
} from "../support/dns_message.ts";
import { withLength } from "../support/dns_peers.ts";
import { typeNumber } from "../support/dns_rdata.ts";
import { connectTcpPeer, type SimTcpPeer, SimUdpPeer } from "../support/sim_peers.ts";
import type { SimServer } from "../support/sim_server.ts";
import type { PlanHistory, Span } from "./plan_history.ts";
import { ALIAS } from "./random_corefile.ts";
import type { Given } from "./serial_upstream.ts";

/** From the moment at which an upstream answers until the answer is stored, and of rounding. */
const AGE_SLACK_MS = 6000;
const PORT = 53;

interface Asked {
  readonly name: string;
  readonly type: string;
  readonly askedMs: number;
  readonly connection: SimTcpPeer | null;
}

export interface ReloadTally {
  asked: number;
  answered: number;
  failed: number;
  refused: number;
}

export interface ReloadClientOptions {
  readonly address: string;
  /** Address of the server. */
  readonly server: string;
  readonly overTcp: boolean;
}

/** What an answer is judged by. */
export interface Judges {
  readonly history: PlanHistory;
  readonly given: readonly Given[];
  readonly tally: ReloadTally;
}

export class ReloadClient {
  readonly violations: string[] = [];
  /** All is well: nothing may fail any more. */
  mustSucceed = false;
  readonly options: ReloadClientOptions;
  readonly #sim: SimServer["sim"];
  readonly #judges: Judges;
  readonly #udp: SimUdpPeer;
  readonly #open = new Map<number, Asked>();
  #tcp: SimTcpPeer | null = null;
  #nextId: number;

  constructor(server: SimServer, prng: Prng, judges: Judges, options: ReloadClientOptions) {
    this.#sim = server.sim;
    this.#judges = judges;
    this.options = options;
    this.#nextId = prng.below(65_536);
    this.#udp = new SimUdpPeer(server.sim, options.address, 0);
    this.#udp.onDatagram = ({ bytes, from }) => {
      this.#udp.take();
      const isAsked = from.address === options.server && from.port === PORT;
      if (!isAsked) this.#complain(`answer from ${from.address}:${from.port}`);
      this.#judge(bytes);
    };
  }

  ask(name: string, type: string): void {
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) & 0xffff;
    const questions = [{ name, type: typeNumber(type), class: 1 }];
    const bytes = encodeMessage(dnsMessage({ id, flags: ["rd"], questions }));
    const connection = this.options.overTcp ? this.#connection() : null;
    this.#open.set(id, { name, type, askedMs: this.#sim.clock.nowMs, connection });
    this.#judges.tally.asked += 1;
    if (connection !== null) connection.write(withLength(bytes));
    else this.#udp.send(bytes, { address: this.options.server, port: PORT });
  }

  expectNothingOpen(): void {
    for (const [id, { name, type }] of this.#open) {
      this.#complain(`#${id} ${name} ${type} was never answered`);
    }
  }

  #connection(): SimTcpPeer {
    // One that the server has just found to be idle is over.
    this.#sim.clock.runDue();
    if (this.#tcp?.isOpen === true && !this.#tcp.isFinished) return this.#tcp;
    const { address, server } = this.options;
    const peer = connectTcpPeer(this.#sim, address, { address: server, port: PORT });
    peer.onChange = () => {
      for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
        this.#judge(bytes);
      }
      if (peer.isBroken || peer.isFinished) this.#lose(peer);
    };
    // It is made before anything else happens.
    this.#sim.clock.runDue();
    if (!peer.isOpen) this.#complain(`no connection to ${server}`);
    this.#tcp = peer;
    return peer;
  }

  /** The server has ended a connection: not before it has answered. */
  #lose(peer: SimTcpPeer): void {
    if (this.#tcp === peer) this.#tcp = null;
    for (const [id, { name, connection }] of this.#open) {
      if (connection === peer) this.#complain(`#${id} ${name} was lost with its connection`);
    }
    peer.onChange = null;
    peer.close();
  }

  #judge(bytes: Uint8Array): void {
    const answer = decodeMessage(bytes);
    const asked = this.#open.get(answer.id);
    if (asked === undefined) {
      this.#complain(`second answer, or to no question: ${messageText(answer)}`);
      return;
    }
    this.#open.delete(answer.id);
    const [question] = answer.questions;
    const isSame = question?.name === asked.name && question.type === typeNumber(asked.type);
    const problem = isSame ? this.#problem(asked, answer) : "another question";
    if (problem !== null) this.#complain(`${asked.name} ${problem}: ${messageText(answer)}`);
  }

  /** What is wrong with an answer; null when nothing is. */
  #problem({ name, type, askedMs }: Asked, answer: DnsMessage): string | null {
    const { history, tally } = this.#judges;
    const span = { fromMs: askedMs, toMs: this.#sim.clock.nowMs };
    if (span.toMs - span.fromMs > history.questionMsMax(span.toMs)) return "was answered late";
    const views = history.viewsOf(name, this.options.server, span);
    const ids = new Set(views.flatMap((view) => view?.id ?? []));
    // Also as it became meanwhile, at another address.
    const blocks = history.during(span).flatMap((plan) => plan.views);
    const isSome = (has: (view: ViewPlan) => boolean) =>
      blocks.some((view) => ids.has(view.id) && has(view));
    const hasPlugin = (wanted: string) =>
      isSome(({ plugins }) => plugins.some(({ plugin }) => plugin === wanted));
    if (answer.rcode === RCODES["REFUSED"]) {
      tally.refused += 1;
      const isFull = isSome(({ forwards }) => forwards.some((one) => one.maxConcurrent > 0));
      return views.includes(null) || isFull ? null : "is refused";
    }
    if (answer.rcode === RCODES["SERVFAIL"]) {
      tally.failed += 1;
      return this.mustSucceed ? "fails though all is well" : null;
    }
    tally.answered += 1;
    if (answer.rcode === RCODES["NXDOMAIN"]) return name.startsWith("x") ? null : "is denied";
    const own = hasPlugin("whoami") || (type === "ANY" && hasPlugin("any"));
    const data = answer.answer.filter((record) => isAddress(record.type));
    if (data.length === 0) return type === "AAAA" || own ? null : "is empty";
    const isStale = isSome(({ cache }) => cache?.stale != null);
    return this.#dataProblem(name, data[0]!.data, { ids, isStale, span });
  }

  #dataProblem(
    name: string,
    data: string,
    when: { readonly ids: ReadonlySet<number>; readonly isStale: boolean; readonly span: Span },
  ): string | null {
    const given = this.#judges.given[serialIn(data)];
    if (given === undefined) return "was answered by nobody";
    const label = (one: string) => one.split(".")[0];
    const isAlias = name === ALIAS.from && label(given.name) === label(ALIAS.to);
    if (!isAlias && label(given.name) !== label(name)) return `is the answer to ${given.name}`;
    if (![...when.ids].some((id) => given.views.has(id))) {
      return `is from ${given.upstream}, which no block had that it belonged to`;
    }
    const ageMs = when.span.toMs - given.atMs;
    const isOld = ageMs > given.ttlSec * 1000 + AGE_SLACK_MS;
    return isOld && !when.isStale ? `is ${ageMs} ms old, with a TTL of ${given.ttlSec}` : null;
  }

  #complain(text: string): void {
    const { address, server, overTcp } = this.options;
    const way = overTcp ? "tcp" : "udp";
    this.violations.push(`${this.#sim.clock.nowMs} ${address} ${way} ${server}: ${text}`);
  }
}

function isAddress(type: number): boolean {
  return type === typeNumber("A") || type === typeNumber("AAAA");
}

/** The number in `10.x.y.z`, or at the end of an address of `dns64`. */
function serialIn(data: string): number {
  if (!data.includes(":")) {
    const [, high, middle, low] = data.split(".").map(Number);
    return (high! << 16) | (middle! << 8) | low!;
  }
  const groups = data.split("::").at(-1)!.split(":");
  const [high = 0, low = 0] = groups.slice(-2).map((group) => Number.parseInt(group, 16));
  return ((high & 0xff) << 16) | low;
}
