/**
 * An upstream of the simulation: it knows the truth, and is slow, broken, wrong or silent at times.
 */

import type { Prng } from "../../src/std/prng.ts";
import { type DnsMessage, decodeMessage, encodeMessage, RCODES } from "../support/dns_message.ts";
import { typeText } from "../support/dns_rdata.ts";
import type { Endpoint } from "../support/sim_network.ts";
import { type SimTcpPeer, SimTcpServer, SimUdpPeer } from "../support/sim_peers.ts";
import type { SimServer } from "../support/sim_server.ts";
import type { Truth, TruthQuestion } from "./truth.ts";

/** How often what goes wrong, 0 to 1. All 0 is a perfect server. */
export interface Faults {
  readonly servfail: number;
  readonly refused: number;
  readonly wrongId: number;
  readonly wrongQuestion: number;
  readonly malformed: number;
  readonly truncated: number;
  readonly noReply: number;
  readonly hangUp: number;
}

export const NO_FAULTS: Faults = {
  servfail: 0,
  refused: 0,
  wrongId: 0,
  wrongQuestion: 0,
  malformed: 0,
  truncated: 0,
  noReply: 0,
  hangUp: 0,
};

const UDP_BYTES_MAX = 1232;
const QUERY_BYTES_MAX = 12 + 255 + 4 + 11;

export class FaultyUpstream {
  readonly local: Endpoint;
  faults: Faults = NO_FAULTS;
  /** Queries that should not have come here, described. */
  readonly violations: string[] = [];
  queryCount = 0;
  readonly #server: SimServer;
  readonly #prng: Prng;
  readonly #truth: Truth;
  readonly #zone: string;
  #udp: SimUdpPeer | null = null;
  #tcp: SimTcpServer | null = null;
  #connections: SimTcpPeer[] = [];

  /** @param zone only names below it may be asked here. */
  constructor(server: SimServer, prng: Prng, truth: Truth, zone: string, local: Endpoint) {
    this.#server = server;
    this.#prng = prng;
    this.#truth = truth;
    this.#zone = zone;
    this.local = local;
    this.listen();
  }

  get isListening(): boolean {
    return this.#udp !== null;
  }

  listen(): void {
    if (this.isListening) return;
    const { address, port } = this.local;
    const udp = new SimUdpPeer(this.#server.sim, address, port);
    this.#udp = udp;
    udp.onDatagram = ({ bytes, from }) => {
      udp.take();
      this.#answer(bytes, false, (reply) => udp.send(reply, from));
    };
    this.#tcp = new SimTcpServer(this.#server.sim, address, port);
    this.#tcp.onConnection = (peer) => this.#accept(peer);
  }

  /** Nobody listens any more. */
  stop(): void {
    this.#udp?.close();
    this.#tcp?.close();
    this.#udp = null;
    this.#tcp = null;
    for (const peer of this.#connections) peer.reset();
    this.#connections = [];
  }

  #accept(peer: SimTcpPeer): void {
    this.#connections = this.#connections.filter(({ isFinished }) => !isFinished);
    this.#connections.push(peer);
    peer.stream.segmentBytesMax = this.#prng.pick([1, 3, 100, 1400, 65_536]);
    peer.onChange = () => {
      for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
        this.#answer(bytes, true, (reply) => {
          peer.write(Uint8Array.from([reply.length >> 8, reply.length & 0xff, ...reply]));
        });
        if (this.#prng.chance(this.faults.hangUp)) peer.close();
      }
      if (peer.isFinished) peer.close();
    };
  }

  #answer(bytes: Uint8Array, overTcp: boolean, reply: (bytes: Uint8Array) => void): void {
    this.queryCount += 1;
    const query = decodeMessage(bytes);
    this.#check(query, bytes.length);
    const question = this.#questionOf(query);
    // A health probe, or what has been noted as a violation.
    if (question === null) reply(encodeMessage({ ...query, flags: ["qr", "ra"] }));
    else this.#answerQuestion(query, question, overTcp, reply);
  }

  #answerQuestion(
    query: DnsMessage,
    question: TruthQuestion,
    overTcp: boolean,
    reply: (bytes: Uint8Array) => void,
  ): void {
    const { faults } = this;
    const prng = this.#prng;
    const isHit = (ratio: number) => prng.chance(ratio);
    if (isHit(faults.noReply)) return;
    const head: DnsMessage = { ...query, flags: ["qr", "rd", "ra"] };
    const isSigned = query.opt?.dnssecOk === true;
    const right: DnsMessage = { ...head, ...this.#truth.answer(question, isSigned) };
    if (isHit(faults.wrongId)) reply(encodeMessage({ ...right, id: prng.below(65_536) }));
    if (isHit(faults.wrongQuestion)) {
      reply(
        encodeMessage({ ...right, questions: [{ name: "other.example.", type: 1, class: 1 }] }),
      );
    }
    const encoded = encodeMessage(right, { compress: !isHit(0.2) });
    const mustBeCut = !overTcp && encoded.length > UDP_BYTES_MAX;
    if (mustBeCut || (!overTcp && isHit(faults.truncated))) {
      reply(encodeMessage({ ...head, flags: [...head.flags, "tc"] }));
    } else if (isHit(faults.servfail))
      reply(encodeMessage({ ...head, rcode: RCODES["SERVFAIL"]! }));
    else if (isHit(faults.refused)) reply(encodeMessage({ ...head, rcode: RCODES["REFUSED"]! }));
    else if (isHit(faults.malformed)) {
      reply(encoded.slice(0, 12 + prng.below(Math.max(encoded.length - 12, 1))));
    } else reply(encoded);
  }

  /** What no query of ours may look like. */
  #check(query: DnsMessage, lengthBytes: number): void {
    const [question] = query.questions;
    const problems: string[] = [];
    if (query.questions.length !== 1 || question === undefined) problems.push("no question");
    else if (!`.${question.name.toLowerCase()}`.endsWith(this.#zone) && question.name !== ".") {
      problems.push(`${question.name} is not in ${this.#zone}`);
    }
    if (query.answer.length + query.authority.length + query.additional.length > 0) {
      problems.push("it has records");
    }
    if ((query.opt?.options.length ?? 0) > 0) problems.push("it has EDNS options");
    if (lengthBytes > QUERY_BYTES_MAX) problems.push(`it has ${lengthBytes} bytes`);
    if (problems.length > 0) {
      this.violations.push(`${this.local.address} got a query: ${problems.join(", ")}`);
    }
  }

  #questionOf(query: DnsMessage): TruthQuestion | null {
    const [question] = query.questions;
    const name = question?.name.toLowerCase();
    const type = typeText(question?.type ?? 0);
    return (
      this.#truth.questions.find((known) => known.name === name && known.type === type) ?? null
    );
  }
}
