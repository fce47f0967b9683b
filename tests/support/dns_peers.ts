/** Clients and upstreams of a simulated server that speak DNS, for tests that script both sides. */

import {
  type DnsMessage,
  type DnsOpt,
  decodeMessage,
  dnsMessage,
  encodeMessage,
  parseRecord,
} from "./dns_message.ts";
import { typeNumber } from "./dns_rdata.ts";
import type { SimKernel } from "./sim_kernel.ts";
import type { Endpoint } from "./sim_network.ts";
import { connectTcpPeer, type SimTcpPeer, SimTcpServer, SimUdpPeer } from "./sim_peers.ts";

const CLASS_IN = 1;
const OWN_SIZE_BYTES = 1232;

/** What a reply says beyond the question. */
export interface ReplyParts {
  /** As in zone files: `www.example.org. 300 A 192.0.2.1`. */
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly rcode?: number;
  readonly flags?: readonly string[];
  /** Default: an OPT if the query had one. */
  readonly opt?: DnsOpt | null;
  readonly id?: number;
  readonly questions?: DnsMessage["questions"];
}

/** A query that an upstream has got. */
export interface HeardQuery {
  readonly message: DnsMessage;
  /** Name of its question. */
  readonly name: string;
  readonly overTcp: boolean;
  readonly from: Endpoint;
  readonly atMs: number;
  reply(parts?: ReplyParts): void;
  replyBytes(bytes: Uint8Array): void;
}

/** An upstream server: all it does is what the test tells it to. */
export class DnsUpstream {
  readonly local: Endpoint;
  readonly udp: SimUdpPeer;
  readonly tcp: SimTcpServer;
  /** Called for every query, before it is kept; true when that was all. */
  onQuery: ((query: HeardQuery) => boolean) | null = null;
  readonly #sim: SimKernel;
  readonly #heard: HeardQuery[] = [];

  constructor(sim: SimKernel, address: string, port = 53) {
    this.#sim = sim;
    this.local = { address, port };
    this.udp = new SimUdpPeer(sim, address, port);
    this.udp.onDatagram = ({ bytes, from }) => {
      this.udp.take();
      this.#hear(bytes, false, from, (reply) => this.udp.send(reply, from));
    };
    this.tcp = new SimTcpServer(sim, address, port);
    this.tcp.onConnection = (peer) => {
      peer.onChange = () => {
        for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
          this.#hear(bytes, true, peer.remote, (reply) => peer.write(withLength(reply)));
        }
      };
    };
  }

  /** Queries that wait to be taken. */
  get count(): number {
    return this.#heard.length;
  }

  /** The oldest query that was not yet taken. @throws {Error} when there is none. */
  take(): HeardQuery {
    const query = this.#heard.shift();
    if (query === undefined) throw new Error(`${this.local.address} got no query`);
    return query;
  }

  #hear(
    bytes: Uint8Array,
    overTcp: boolean,
    from: Endpoint,
    replyBytes: (reply: Uint8Array) => void,
  ): void {
    const message = decodeMessage(bytes);
    const query: HeardQuery = {
      message,
      name: message.questions[0]!.name,
      overTcp,
      from,
      atMs: this.#sim.clock.nowMs,
      replyBytes,
      reply: (parts) => replyBytes(encodeMessage(replyTo(message, parts))),
    };
    if (this.onQuery?.(query) !== true) this.#heard.push(query);
  }
}

export interface AskOptions {
  /** Default A. */
  readonly type?: string;
  readonly id?: number;
  readonly opt?: DnsOpt;
  readonly flags?: readonly string[];
}

/** A client by UDP. */
export class DnsClient {
  readonly peer: SimUdpPeer;
  readonly #server: Endpoint;
  #nextId = 1;

  constructor(sim: SimKernel, server: Endpoint, address = "192.0.2.7") {
    this.peer = new SimUdpPeer(sim, address, 0);
    this.#server = server;
  }

  ask(name: string, options: AskOptions = {}): void {
    this.peer.send(encodeMessage(queryFor(name, this.#nextId++, options)), this.#server);
  }

  /** All answers since the last call, oldest first. */
  answers(): DnsMessage[] {
    return this.peer.received.splice(0).map(({ bytes }) => decodeMessage(bytes));
  }
}

/** A client by TCP. */
export class DnsTcpClient {
  readonly peer: SimTcpPeer;
  #nextId = 1;

  constructor(sim: SimKernel, server: Endpoint, address = "192.0.2.8") {
    this.peer = connectTcpPeer(sim, address, server);
  }

  ask(name: string, options: AskOptions = {}): void {
    this.peer.write(withLength(encodeMessage(queryFor(name, this.#nextId++, options))));
  }

  answers(): DnsMessage[] {
    const messages: DnsMessage[] = [];
    for (;;) {
      const bytes = this.peer.takeMessage();
      if (bytes === null) return messages;
      messages.push(decodeMessage(bytes));
    }
  }
}

/** An OPT without options. */
export function plainOpt(sizeBytes = OWN_SIZE_BYTES, dnssecOk = false): DnsOpt {
  return { sizeBytes, version: 0, dnssecOk, options: [] };
}

export function withLength(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + message.length);
  new DataView(bytes.buffer).setUint16(0, message.length);
  bytes.set(message, 2);
  return bytes;
}

function queryFor(name: string, id: number, options: AskOptions): DnsMessage {
  const question = { name, type: typeNumber(options.type ?? "A"), class: CLASS_IN };
  const { flags = ["rd"], opt = null } = options;
  return dnsMessage({ id: options.id ?? id, flags, questions: [question], opt });
}

function replyTo(query: DnsMessage, parts: ReplyParts = {}): DnsMessage {
  return dnsMessage({
    id: parts.id ?? query.id,
    flags: ["qr", "rd", "ra", ...(parts.flags ?? [])],
    rcode: parts.rcode ?? 0,
    questions: parts.questions ?? query.questions,
    answer: (parts.answer ?? []).map(parseRecord),
    authority: (parts.authority ?? []).map(parseRecord),
    opt: parts.opt === undefined ? query.opt && plainOpt() : parts.opt,
  });
}
