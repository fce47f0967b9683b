/**
 * The upstreams of a scenario: what they were asked, and the replies that they are told to give.
 */

import {
  type DnsMessage,
  decodeMessage,
  dnsMessage,
  encodeMessage,
  FLAGS,
  messageText,
  RCODES,
} from "../support/dns_message.ts";
import { hexBytes, typeNumber } from "../support/dns_rdata.ts";
import type { Endpoint } from "../support/sim_network.ts";
import { type SimTcpPeer, SimTcpServer, SimUdpPeer } from "../support/sim_peers.ts";
import type { SimServer } from "../support/sim_server.ts";
import type { Step, StepWords } from "./parse_scenario.ts";
import { edeOption, OWN_SIZE_BYTES, optOf, textOf } from "./scenario_client.ts";

/** A query that has come. */
export interface Heard {
  readonly message: DnsMessage;
  readonly overTcp: boolean;
  readonly from: Endpoint;
  /** Sends a message back the way the query came; `from` forges a source. */
  readonly reply: (bytes: Uint8Array, from?: Endpoint) => void;
}

const WRONG_ID_BIT = 0x0100;
/** What the plugin `loop` asks for. */
const LOOP_NAME = /^[0-9]{15,20}\.[0-9]{15,20}\./;
const SERVER_ADDRESS = "192.0.2.53";
const RESERVED_PORTS = 1024;

export class ScenarioUpstream {
  readonly name: string;
  readonly local: Endpoint;
  /** Queries that no step has expected yet. */
  readonly heard: Heard[] = [];
  /** Health probes that no step has expected yet. */
  readonly probes: Heard[] = [];
  /** Probes of the plugin `loop`, which are never left over. */
  readonly #loops: DnsMessage[] = [];
  /** Queries that were expected, by label. */
  readonly #labelled = new Map<string, Heard>();
  /** Those of the last step that expected some. */
  #last: Heard[] = [];
  readonly #sim: SimServer["sim"];
  readonly #log: (text: string) => void;
  readonly #probeName: string;
  #connections: SimTcpPeer[] = [];
  #udp: SimUdpPeer | null = null;
  #tcp: SimTcpServer | null = null;

  /** @param probeName the name of health probes, which are not counted as queries. */
  constructor(
    server: SimServer,
    name: string,
    local: Endpoint,
    probeName: string,
    log: (text: string) => void,
  ) {
    this.#sim = server.sim;
    this.local = local;
    this.#log = log;
    this.#probeName = probeName;
    this.name = name;
    this.open();
  }

  /** TCP connections that are open. */
  get connectionCount(): number {
    return this.#connections.filter(({ isOpen, isFinished }) => isOpen && !isFinished).length;
  }

  /** Listens on both transports. */
  open(): void {
    this.#udp = new SimUdpPeer(this.#sim, this.local.address, this.local.port);
    const udp = this.#udp;
    udp.onDatagram = ({ bytes, from }) => {
      udp.take();
      this.#hear(bytes, false, from, (reply, source = this.local) =>
        udp.sendAs(source, reply, from),
      );
    };
    this.#tcp = new SimTcpServer(this.#sim, this.local.address, this.local.port);
    this.#tcp.onConnection = (peer) => this.#connect(peer);
  }

  /** Nobody listens here any more: UDP is answered by ICMP, TCP by reset. */
  close(): void {
    this.#udp?.close();
    this.closeTcp();
  }

  /** TCP is answered by reset. */
  closeTcp(): void {
    this.#tcp?.close();
    this.reset();
  }

  /** TCP connections end, politely. */
  hangUp(): void {
    for (const peer of this.#connections) peer.close();
    this.#connections = [];
  }

  reset(): void {
    for (const peer of this.#connections) peer.reset();
    this.#connections = [];
  }

  /** A step begins that expects queries: replies go to those from now on. */
  forget(): void {
    this.#last = [];
  }

  /** Takes the oldest query and checks it. @throws {ScenarioError} */
  expect(name: string, type: string, words: StepWords): void {
    const heard = this.heard.shift();
    if (heard === undefined) throw words.error(`${this.name} got no query`);
    const label = words.value("as");
    if (label !== undefined) this.#labelled.set(label, heard);
    this.#last.push(heard);
    const expected = expectedQuery(name, type, heard.message.id, words);
    const problems: string[] = [];
    if (JSON.stringify(heard.message) !== JSON.stringify(expected)) {
      problems.push(`expected ${messageText(expected)}`);
    }
    if (heard.overTcp !== words.has("tcp")) problems.push(heard.overTcp ? "by TCP" : "by UDP");
    const from = words.value("from");
    if (from !== undefined && from !== heard.from.address)
      problems.push(`from ${heard.from.address}`);
    if (heard.from.port < RESERVED_PORTS) problems.push(`from port ${heard.from.port}`);
    if (problems.length === 0) return;
    throw words.error(`${this.name} got ${messageText(heard.message)}: ${problems.join("; ")}`);
  }

  /** @throws {ScenarioError | SyntaxError} */
  reply(step: Step, words: StepWords): void {
    const label = words.value("to");
    const heard = label === undefined ? this.#last : [this.#labelled.get(label)];
    if (heard.length === 0) throw words.error(`${this.name} has got no query`);
    for (const query of heard) {
      if (query === undefined) throw words.error(`${this.name} has got no query ${label}`);
      this.#replyTo(query, step, words);
    }
  }

  /** Sends the oldest probe for a loop on to `server`, as a client. @throws {ScenarioError} */
  returnLoop(words: StepWords): void {
    const probe = this.#loops.shift();
    if (probe === undefined) throw words.error(`${this.name} got no probe for a loop`);
    const { address } = this.local;
    const peer = new SimUdpPeer(this.#sim, address, 0);
    peer.send(encodeMessage(probe), { address: SERVER_ADDRESS, port: 53 });
  }

  /** Forgets probes for loops. @throws {ScenarioError} unless there was one. */
  dropLoop(words: StepWords): void {
    if (this.#loops.length === 0) throw words.error(`${this.name} got no probe for a loop`);
    this.#loops.length = 0;
  }

  get hasLoop(): boolean {
    return this.#loops.length > 0;
  }

  /** Answers the oldest health probe. @throws {ScenarioError} */
  replyToProbe(words: StepWords): void {
    const probe = this.probes.shift();
    if (probe === undefined) throw words.error(`${this.name} got no health probe`);
    probe.reply(encodeMessage({ ...probe.message, flags: ["qr", "ra"] }));
  }

  #replyTo(heard: Heard, step: Step, words: StepWords): void {
    const message = replyTo(heard.message, step, words);
    const cut = words.number("cut");
    const trailing = hexBytes(words.value("trailing") ?? "");
    const encoded = encodeMessage(message, { compress: !words.has("uncompressed") }).slice(0, cut);
    const bytes = Uint8Array.from([...encoded, ...trailing]);
    const forged = words.value("from");
    this.#log(`${this.name} replies ${textOf(bytes)}`);
    for (let copy = words.number("times") ?? 1; copy > 0; copy--) {
      heard.reply(bytes, forged === undefined ? undefined : parseEndpoint(forged));
    }
  }

  #connect(peer: SimTcpPeer): void {
    this.#connections.push(peer);
    peer.onChange = () => {
      for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
        this.#hear(bytes, true, peer.remote, (reply) =>
          peer.write(Uint8Array.from([reply.length >> 8, reply.length & 0xff, ...reply])),
        );
      }
      if (peer.isFinished) peer.close();
    };
  }

  #hear(bytes: Uint8Array, overTcp: boolean, from: Endpoint, reply: Heard["reply"]): void {
    const message = decodeMessage(bytes);
    this.#log(`${this.name} gets by ${overTcp ? "TCP" : "UDP"} ${messageText(message)}`);
    const [question] = message.questions;
    if (question?.type === typeNumber("HINFO") && LOOP_NAME.test(question.name)) {
      this.#loops.push(message);
      return;
    }
    const isProbe = question?.name === this.#probeName && question.type === typeNumber("NS");
    (isProbe ? this.probes : this.heard).push({ message, overTcp, from, reply });
  }
}

/** What we send upstream for a question, unless the words say otherwise. */
function expectedQuery(name: string, type: string, id: number, words: StepWords): DnsMessage {
  const flags = [words.has("-rd") ? "" : "rd", "ad", words.has("cd") ? "cd" : ""];
  const dnssecOk = words.has("do");
  const sizeBytes = words.number("edns") ?? OWN_SIZE_BYTES;
  const options = optOf(words)?.options ?? [];
  const opt = { sizeBytes, version: 0, dnssecOk, options };
  return dnsMessage({
    id,
    flags: flags.filter((flag) => flag !== ""),
    questions: [{ name, type: typeNumber(type), class: 1 }],
    opt: words.has("-edns") ? null : opt,
  });
}

function replyTo(query: DnsMessage, step: Step, words: StepWords): DnsMessage {
  const flags = [words.has("-qr") ? "" : "qr", words.has("-ra") ? "" : "ra", ...words.allOf(FLAGS)];
  for (const flag of ["rd", "cd"]) if (query.flags.includes(flag)) flags.push(flag);
  const wrongId = words.value("id") === "wrong" ? WRONG_ID_BIT : 0;
  const other = words.value("question")?.split("/", 2) as [string, string] | undefined;
  const questions = query.questions.map((question) =>
    other === undefined ? question : { ...question, name: other[0], type: typeNumber(other[1]) },
  );
  const ede = words.values("ede").map(edeOption);
  const asked = optOf(words);
  const sizeBytes = asked?.sizeBytes ?? OWN_SIZE_BYTES;
  const dnssecOk = query.opt?.dnssecOk ?? false;
  const opt = { sizeBytes, version: 0, dnssecOk, options: [...(asked?.options ?? []), ...ede] };
  return dnsMessage({
    id: query.id ^ wrongId,
    opcode: words.number("opcode") ?? 0,
    flags: flags.filter((flag) => flag !== ""),
    rcode: RCODES[words.oneOf(RCODES) ?? "NOERROR"]!,
    questions: words.has("-question") ? [] : questions,
    ...step.records,
    opt: words.has("-edns") || query.opt === null ? null : opt,
  });
}

/** `192.0.2.1:53`, `[2001:db8::1]:53`, or without a port, which is then 53. */
export function parseEndpoint(text: string): Endpoint {
  const [, bracketed, v6Port] = /^\[(.*)\](?::(\d+))?$/.exec(text) ?? [];
  if (bracketed !== undefined) return { address: bracketed, port: Number(v6Port ?? 53) };
  const parts = text.split(":");
  if (parts.length !== 2) return { address: text, port: 53 };
  return { address: parts[0]!, port: Number(parts[1]) };
}
