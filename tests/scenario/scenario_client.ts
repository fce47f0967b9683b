/**
 * The clients of a scenario: what they ask, what they got, and whether that is what was expected.
 */

import {
  type DnsMessage,
  type DnsOption,
  decodeMessage,
  dnsMessage,
  type EncodeOptions,
  encodeMessage,
  FLAGS,
  messageText,
  RCODES,
  rcodeText,
  recordText,
} from "../support/dns_message.ts";
import { bytesHex, CLASSES, hexBytes, typeNumber } from "../support/dns_rdata.ts";
import type { Endpoint } from "../support/sim_network.ts";
import { connectTcpPeer, type SimTcpPeer, SimUdpPeer } from "../support/sim_peers.ts";
import type { SimServer } from "../support/sim_server.ts";
import type { Section, Step, StepWords } from "./parse_scenario.ts";

/** Our own EDNS size, and the most that goes into a UDP answer. */
export const OWN_SIZE_BYTES = 1232;
const PLAIN_SIZE_BYTES = 512;
const OPTION_EDE = 15;
const OPTION_PADDING = 12;
const OPTION_HEAD_BYTES = 4;
const HEADER_BYTES = 12;
const SECTIONS: readonly Section[] = ["answer", "authority", "additional"];

export interface Asked {
  readonly message: DnsMessage;
  readonly overTcp: boolean;
  /** "open" until an answer was expected and came, or none was expected. */
  state: "open" | "done";
}

export interface Answer {
  readonly bytes: Uint8Array;
  readonly overTcp: boolean;
  readonly from: Endpoint;
}

/** One client: a UDP socket and, once it asked by TCP, one connection. */
export class ScenarioClient {
  readonly name: string;
  readonly asked: Asked[] = [];
  /** Answers that no step has expected yet. */
  readonly answers: Answer[] = [];
  tcp: SimTcpPeer | null = null;
  #server: Endpoint;
  #udp: SimUdpPeer | null = null;
  #nextId = 1;
  readonly #sim: SimServer["sim"];
  readonly #log: (text: string) => void;
  readonly #address: string;

  constructor(server: SimServer, name: string, address: string, log: (text: string) => void) {
    this.name = name;
    this.#sim = server.sim;
    this.#address = address;
    this.#log = log;
    this.#server = { address: address.includes(":") ? "2001:db8::53" : "192.0.2.53", port: 53 };
  }

  /** The server's address that it asks from now on. */
  turnTo(server: Endpoint): void {
    this.#server = server;
  }

  /** @throws {ScenarioError | SyntaxError} for words that make no sense. */
  ask(name: string, type: string, words: StepWords): void {
    const message = this.#query(name, type, words);
    const options = { optCopies: words.number("opts") ?? 1 };
    const trailing = hexBytes(words.value("trailing") ?? "");
    const padded = padTo(message, words.number("bytes") ?? 0, options);
    const bytes = Uint8Array.from([...encodeMessage(padded, options), ...trailing]);
    this.asked.push({ message, overTcp: words.has("tcp"), state: "open" });
    this.#log(`${this.name} asks ${messageText(message)}`);
    this.#send(bytes, words.has("tcp"));
  }

  /** Sends raw bytes; when they can be taken for a query, an answer is waited for. */
  sendRaw(bytes: Uint8Array, overTcp: boolean): void {
    if (bytes.length >= HEADER_BYTES) {
      const header = decodeMessage(Uint8Array.from([...bytes.slice(0, 4), ...new Uint8Array(8)]));
      this.asked.push({ message: header, overTcp, state: "open" });
    }
    this.#log(`${this.name} sends ${bytesHex(bytes)}`);
    this.#send(bytes, overTcp);
  }

  /** Sends bytes by TCP as they are, without a length in front. */
  sendUnframed(bytes: Uint8Array): void {
    this.connect();
    this.#log(`${this.name} sends unframed ${bytesHex(bytes)}`);
    this.tcp?.write(bytes);
  }

  /** Opens the TCP connection unless it is open. */
  connect(): void {
    if (this.tcp !== null) return;
    const peer = connectTcpPeer(this.#sim, this.#address, this.#server);
    const from = this.#server;
    this.tcp = peer;
    peer.onChange = () => {
      for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
        this.#receive({ bytes, overTcp: true, from });
      }
    };
  }

  /** Lets what the server sends by TCP lie unread. */
  pause(): void {
    if (this.tcp !== null) this.tcp.isPaused = true;
  }

  /** Checks the oldest answer against `step`. @throws {ScenarioError} */
  expect(step: Step, words: StepWords): void {
    const answer = this.answers.shift();
    if (answer === undefined) throw words.error(`${this.name} got no answer`);
    let message: DnsMessage;
    try {
      message = decodeMessage(answer.bytes);
    } catch (error) {
      const hex = bytesHex(answer.bytes);
      throw words.error(`${this.name} got a bad message: ${(error as Error).message}: ${hex}`);
    }
    const asked = this.asked.find(
      ({ state, message: { id } }) => state === "open" && id === message.id,
    );
    if (asked === undefined) throw words.error(`${this.name} has not asked #${message.id}`);
    asked.state = "done";
    const problems = answerProblems(message, answer, asked, step, words);
    const to = this.#server;
    if (answer.from.address !== to.address || answer.from.port !== to.port) {
      problems.push(`it came from ${answer.from.address}:${answer.from.port}`);
    }
    if (problems.length === 0) return;
    throw words.error(`${this.name} got ${messageText(message)}: ${problems.join("; ")}`);
  }

  /**
   * Nothing has come so far.
   *
   * @param isFinal what was asked so far will not be answered at all.
   * @throws {ScenarioError}
   */
  expectNothing(isFinal: boolean, words: StepWords): void {
    const [answer] = this.answers;
    if (answer !== undefined) throw words.error(`${this.name} got ${textOf(answer.bytes)}`);
    if (isFinal) for (const asked of this.asked) asked.state = "done";
  }

  #send(bytes: Uint8Array, overTcp: boolean): void {
    if (!overTcp) {
      this.#udp ??= this.#openUdp();
      this.#udp.send(bytes, this.#server);
      return;
    }
    this.connect();
    this.tcp?.write(Uint8Array.from([bytes.length >> 8, bytes.length & 0xff, ...bytes]));
  }

  #openUdp(): SimUdpPeer {
    const peer = new SimUdpPeer(this.#sim, this.#address, 0);
    peer.onDatagram = ({ bytes, from }) => {
      peer.take();
      this.#receive({ bytes, overTcp: false, from });
    };
    return peer;
  }

  #receive(answer: Answer): void {
    this.answers.push(answer);
    this.#log(`${this.name} gets ${textOf(answer.bytes)}`);
  }

  #query(name: string, type: string, words: StepWords): DnsMessage {
    const questionClass = CLASSES[words.value("class") ?? "IN"];
    const question = { name, type: typeNumber(type), class: questionClass ?? 0 };
    const flags = words.allOf(FLAGS);
    if (!words.has("-rd")) flags.push("rd");
    const record = { name, ttlSec: 1, type: 1, data: "192.0.2.99" };
    const copies = (key: string, fallback: number) => words.number(key) ?? fallback;
    return dnsMessage({
      id: words.number("id") ?? this.#nextId++,
      opcode: copies("opcode", 0),
      flags,
      questions: Array.from({ length: copies("questions", 1) }, () => question),
      answer: Array.from({ length: copies("answers", 0) }, () => record),
      authority: Array.from({ length: copies("authorities", 0) }, () => record),
      opt: optOf(words),
    });
  }
}

/** Grows a query with EDNS to `bytes` bytes by the padding option (RFC 7830). */
function padTo(message: DnsMessage, bytes: number, encoding: EncodeOptions): DnsMessage {
  const { opt } = message;
  const missing = bytes - encodeMessage(message, encoding).length - OPTION_HEAD_BYTES;
  if (opt === null || missing < 0) return message;
  const padding = { code: OPTION_PADDING, data: new Uint8Array(missing) };
  return { ...message, opt: { ...opt, options: [...opt.options, padding] } };
}

/** The OPT record that the words `edns`, `do`, `version=`, `option=` ask for. */
export function optOf(words: StepWords): DnsMessage["opt"] {
  const size = words.number("edns");
  const version = words.number("version");
  const options = words.values("option").map(parseOption);
  const dnssecOk = words.has("do");
  const isAsked = words.has("edns") || size !== undefined || version !== undefined;
  if (!isAsked && !dnssecOk && options.length === 0) return null;
  return { sizeBytes: size ?? OWN_SIZE_BYTES, version: version ?? 0, dnssecOk, options };
}

/** `10:0102` is option 10 with two bytes. */
function parseOption(text: string): DnsOption {
  const [code, hex] = text.split(":", 2);
  return { code: Number(code), data: hexBytes(hex ?? "") };
}

/** `13` or `22:text` as an Extended DNS Error (RFC 8914 §2). */
export function edeOption(text: string): DnsOption {
  const [code, extra] = text.split(":", 2);
  const info = Uint8Array.of(Number(code) >> 8, Number(code) & 0xff);
  return { code: OPTION_EDE, data: Uint8Array.from([...info, ...new TextEncoder().encode(extra)]) };
}

/** What is wrong with `message`, as the answer to `asked` that `step` describes. */
function answerProblems(
  message: DnsMessage,
  answer: Answer,
  asked: Asked,
  step: Step,
  words: StepWords,
): string[] {
  const problems: string[] = [];
  const compare = (what: string, actual: unknown, expected: unknown) => {
    if (String(actual) !== String(expected)) problems.push(`${what} is not ${expected}`);
  };
  const query = asked.message;
  compare("rcode", rcodeText(message.rcode), words.oneOf(RCODES) ?? "NOERROR");
  compare("opcode", message.opcode, words.number("opcode") ?? query.opcode);
  compare("set of flags", message.flags.toSorted(), expectedFlags(query, words).toSorted());
  compare("transport", answer.overTcp ? "tcp" : "udp", asked.overTcp ? "tcp" : "udp");
  const questions = words.has("-question") ? [] : query.questions.slice(0, 1);
  compare("question", JSON.stringify(message.questions), JSON.stringify(questions));
  compare("EDNS", optText(message.opt), optText(expectedOpt(query, words)));
  for (const section of SECTIONS) {
    const expected = step.records[section].map(recordText);
    compare(section, message[section].map(recordText).join(" | "), expected.join(" | "));
  }
  const limit = udpLimit(query);
  const { length } = answer.bytes;
  if (!asked.overTcp && length > limit) problems.push(`${length} bytes, limit ${limit}`);
  return problems;
}

function expectedFlags(query: DnsMessage, words: StepWords): string[] {
  const flags = ["qr", ...words.allOf(FLAGS), ...(words.has("-ra") ? [] : ["ra"])];
  for (const flag of ["rd", "cd"]) if (query.flags.includes(flag)) flags.push(flag);
  return [...new Set(flags)];
}

function expectedOpt(query: DnsMessage, words: StepWords): DnsMessage["opt"] {
  const errors = words.values("ede").map(edeOption);
  const options = [...errors, ...words.values("option").map(parseOption)];
  const sizeBytes = words.number("edns") ?? OWN_SIZE_BYTES;
  if (words.has("-edns") || (query.opt === null && !words.has("edns"))) return null;
  return { sizeBytes, version: 0, dnssecOk: query.opt?.dnssecOk ?? false, options };
}

function optText(opt: DnsMessage["opt"]): string {
  if (opt === null) return "absent";
  const options = opt.options.map(({ code, data }) => ` ${code}:${bytesHex(data)}`);
  return `${opt.sizeBytes} version ${opt.version}${opt.dnssecOk ? " do" : ""}${options.join("")}`;
}

function udpLimit(query: DnsMessage): number {
  const size = query.opt === null ? PLAIN_SIZE_BYTES : query.opt.sizeBytes;
  return Math.min(Math.max(size, PLAIN_SIZE_BYTES), OWN_SIZE_BYTES);
}

/** A message for the transcript, whatever its bytes are. */
export function textOf(bytes: Uint8Array): string {
  try {
    return messageText(decodeMessage(bytes));
  } catch (error) {
    return `${(error as Error).message}: ${bytesHex(bytes)}`;
  }
}
