/**
 * A client of the simulation: asks at random by UDP or TCP and judges every answer.
 *
 * An answer is right when it has the form of an answer to just this question, and tells a version
 * of the truth that was current at some time that its age allows. A failure is SERVFAIL or REFUSED.
 */

import type { Prng } from "../../src/std/prng.ts";
import { OPTION_EDE } from "../../src/wire/constants.ts";
import {
  type DnsMessage,
  type DnsRecord,
  decodeMessage,
  dnsMessage,
  encodeMessage,
  messageText,
  RCODES,
} from "../support/dns_message.ts";
import { typeNumber } from "../support/dns_rdata.ts";
import type { Endpoint } from "../support/sim_network.ts";
import { connectTcpPeer, type SimTcpPeer, SimUdpPeer } from "../support/sim_peers.ts";
import type { SimServer } from "../support/sim_server.ts";
import { answerOf, fetchedTtlSec, type Truth, type TruthQuestion, versionIn } from "./truth.ts";

const ANSWER_MS_MAX = 5000;
const PLAIN_BYTES = 512;
const OWN_BYTES = 1232;
const FAILURES: readonly number[] = [RCODES["SERVFAIL"]!, RCODES["REFUSED"]!];
/** Whole seconds are counted: an age may be one off. */
const ROUNDING_MS = 1000;

interface Asked {
  readonly question: TruthQuestion;
  readonly query: DnsMessage;
  /** The connection that it was asked by; null by UDP. */
  readonly connection: SimTcpPeer | null;
  readonly askedMs: number;
}

export interface Tally {
  asked: number;
  right: number;
  failed: number;
  truncated: number;
  abandoned: number;
  /** Of the right ones. */
  stale: number;
}

/** TTL of stale answers: what no other answer has. */
export const STALE_TTL_SEC = 99_999;

export interface ClientOptions {
  readonly address: string;
  readonly server: Endpoint;
  /** Cap of the server's cache on TTLs. */
  readonly capSec: number;
  /** For so long after it expired, an answer may be given, with STALE_TTL_SEC; 0 is not at all. */
  readonly staleSec: number;
  /** The path to the server loses and doubles: answers come late, twice or not at all. */
  readonly isLossy: boolean;
}

export class RandomClient {
  readonly violations: string[] = [];
  /** Failures are violations, too: all is well with the upstreams. */
  mustSucceed = false;
  readonly #sim: SimServer["sim"];
  readonly #prng: Prng;
  readonly #truth: Truth;
  readonly #tally: Tally;
  readonly #options: ClientOptions;
  readonly #udp: SimUdpPeer;
  readonly #open = new Map<number, Asked>();
  #tcp: SimTcpPeer | null = null;
  /** Connections that were not read from for a while: what comes by them may be late, or lost. */
  readonly #paused = new Set<SimTcpPeer>();
  #nextId: number;

  constructor(server: SimServer, prng: Prng, truth: Truth, tally: Tally, options: ClientOptions) {
    this.#sim = server.sim;
    this.#prng = prng;
    this.#truth = truth;
    this.#tally = tally;
    this.#options = options;
    this.#nextId = prng.below(65_536);
    this.#udp = new SimUdpPeer(server.sim, options.address, 0);
    this.#udp.onDatagram = ({ bytes, from }) => {
      this.#udp.take();
      const { address, port } = options.server;
      if (from.address !== address || from.port !== port) this.#complain("answer from elsewhere");
      this.#judge(bytes, false);
    };
  }

  /** Questions without an answer. */
  get openCount(): number {
    return this.#open.size;
  }

  ask(question: TruthQuestion, overTcp: boolean): void {
    const prng = this.#prng;
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) & 0xffff;
    const opt = prng.chance(0.5)
      ? {
          sizeBytes: prng.pick([100, 512, 1232, 4096]),
          version: 0,
          dnssecOk: prng.chance(0.2),
          options: [],
        }
      : null;
    const query = dnsMessage({
      id,
      flags: prng.chance(0.1) ? ["rd", "cd"] : ["rd"],
      questions: [
        { name: mixCase(question.name, prng), type: typeNumber(question.type), class: 1 },
      ],
      opt,
    });
    const connection = overTcp ? this.#connection() : null;
    this.#open.set(id, { question, query, connection, askedMs: this.#sim.clock.nowMs });
    this.#tally.asked += 1;
    const bytes = encodeMessage(query);
    if (connection === null) this.#udp.send(bytes, this.#options.server);
    else connection.write(Uint8Array.from([bytes.length >> 8, bytes.length & 0xff, ...bytes]));
  }

  /** Something other than a question: half-close, reset, or reading no more for a while. */
  misbehave(): void {
    const tcp = this.#tcp;
    if (tcp === null) return;
    const choice = this.#prng.below(4);
    if (choice === 0) {
      tcp.isPaused = true;
      this.#paused.add(tcp);
    }
    if (choice === 1) tcp.resume();
    if (choice === 2) {
      // Answers still come: the server closes after the last one.
      tcp.finish();
      this.#tcp = null;
    }
    if (choice === 3) {
      tcp.reset();
      this.#abandon(tcp);
    }
  }

  /** Reads again, so that nothing is held up by this client. */
  settle(): void {
    for (const peer of this.#paused) peer.resume();
  }

  /** Notes a violation for every question that is still without an answer. */
  expectNothingOpen(): void {
    for (const [id, { query, connection }] of this.#open) {
      if (this.#isExcused(connection)) continue;
      this.#complain(`#${id} ${query.questions[0]!.name} was never answered`);
    }
  }

  #connection(): SimTcpPeer {
    if (this.#tcp?.isOpen === true && !this.#tcp.isFinished) return this.#tcp;
    if (this.#tcp?.stream.isConnecting === true) return this.#tcp;
    const peer = connectTcpPeer(this.#sim, this.#options.address, this.#options.server);
    peer.stream.segmentBytesMax = this.#prng.pick([1, 5, 40, 1400]);
    peer.onChange = () => {
      for (let bytes = peer.takeMessage(); bytes !== null; bytes = peer.takeMessage()) {
        this.#judge(bytes, true);
      }
      if (peer.isBroken) this.#abandon(peer);
    };
    this.#tcp = peer;
    return peer;
  }

  /** Nobody waits any more for what was asked by this connection. */
  #abandon(peer: SimTcpPeer): void {
    for (const [id, { connection }] of this.#open) {
      if (connection === peer && this.#open.delete(id)) this.#tally.abandoned += 1;
    }
    // What lies unread on it is nobody's answer.
    peer.onChange = null;
    if (this.#tcp === peer) this.#tcp = null;
  }

  #isExcused(connection: SimTcpPeer | null): boolean {
    if (this.#options.isLossy) return true;
    return connection !== null && this.#paused.has(connection);
  }

  #judge(bytes: Uint8Array, overTcp: boolean): void {
    let answer: DnsMessage;
    try {
      answer = decodeMessage(bytes);
    } catch (error) {
      this.#complain(`answer cannot be read: ${(error as Error).message}`);
      return;
    }
    const asked = this.#open.get(answer.id);
    if (asked === undefined) {
      if (!this.#options.isLossy)
        this.#complain(`second answer, or to no question: ${messageText(answer)}`);
      return;
    }
    this.#open.delete(answer.id);
    const problem =
      formProblem(asked, answer, bytes.length, overTcp) ?? this.#problem(asked, answer);
    if (problem !== null) this.#complain(`${problem}: ${messageText(answer)}`);
    const waitedMs = this.#sim.clock.nowMs - asked.askedMs;
    if (waitedMs > ANSWER_MS_MAX && !this.#isExcused(asked.connection))
      this.#complain(`answer after ${waitedMs} ms`);
  }

  /** What is wrong with what the answer says; null when nothing is. */
  #problem(asked: Asked, answer: DnsMessage): string | null {
    if (FAILURES.includes(answer.rcode)) {
      this.#tally.failed += 1;
      return this.mustSucceed ? "failure though all is well" : null;
    }
    if (answer.flags.includes("tc")) {
      this.#tally.truncated += 1;
      const most = this.#truth.versionsOf(asked.question);
      return most.some(({ kind }) => kind === "big") ? null : "truncated though small";
    }
    this.#tally.right += 1;
    const version = this.#truth.versionsOf(asked.question)[versionIn(answer)];
    if (version === undefined) return "no version of the truth says so";
    const expected = answerOf(asked.question, version);
    if (expected.rcode !== answer.rcode) return `the rcode is not ${expected.rcode}`;
    const wanted = [...expected.answer, ...expected.authority];
    const isRrsig = ({ type }: DnsRecord) => type === typeNumber("RRSIG");
    const isSigned = asked.query.opt?.dnssecOk === true && expected.answer.length > 0;
    if (answer.answer.some(isRrsig) !== isSigned) return "signed and not asked for, or not signed";
    const got = [...answer.answer.filter((record) => !isRrsig(record)), ...answer.authority];
    if (wanted.length !== got.length) return `there are not ${wanted.length} records`;
    if (got.length > 0 && got.every(({ ttlSec }) => ttlSec === STALE_TTL_SEC)) {
      return this.#staleProblem(asked, answer, version.untilMs);
    }
    const { capSec } = this.#options;
    const ageSec = fetchedTtlSec(wanted[0]!, version, capSec) - got[0]!.ttlSec;
    for (const [index, record] of wanted.entries()) {
      const ttlSec = Math.max(fetchedTtlSec(record, version, capSec) - ageSec, 0);
      const { name, data, ttlSec: gotSec } = got[index]!;
      // Names have the case of the asker as far as they are those of the question.
      if (name.toLowerCase() !== record.name) return `not ${record.name}`;
      if (data.toLowerCase() !== record.data) return `not ${record.data}`;
      if (ttlSec !== gotSec) return `the TTL of ${record.name} is not ${ttlSec}`;
      if (version.ttlSec > 0 && gotSec === 0) return "it has expired";
    }
    if (this.#isExcused(asked.connection)) return null;
    return this.#timeProblem(asked, version.ttlSec, ageSec, version);
  }

  /** Whether a stale answer says so, and is of a version that was current not too long ago. */
  #staleProblem({ query, connection }: Asked, answer: DnsMessage, untilMs: number): string | null {
    this.#tally.stale += 1;
    const said = answer.opt?.options.some(({ code }) => code === OPTION_EDE) ?? false;
    if (said !== (query.opt !== null)) return "stale without saying so";
    if (this.#isExcused(connection)) return null;
    const { capSec, staleSec } = this.#options;
    // Fetched and given at most so long before they came.
    const slackMs = ROUNDING_MS + 2 * ANSWER_MS_MAX;
    const oldestMs = this.#sim.clock.nowMs - (capSec + staleSec) * 1000 - slackMs;
    return untilMs < oldestMs ? `stale for ${oldestMs - untilMs} ms too long` : null;
  }

  /** Whether the version was current when an answer of this age must have been fetched. */
  #timeProblem(
    asked: Asked,
    ttlSec: number,
    ageSec: number,
    { sinceMs, untilMs }: { sinceMs: number; untilMs: number },
  ): string | null {
    const { nowMs } = this.#sim.clock;
    if (ageSec < 0) return "its TTL is more than the truth's";
    if (ttlSec === 0 && untilMs < asked.askedMs - ANSWER_MS_MAX) return "TTL 0 from the cache";
    const storedMs = nowMs - ageSec * 1000;
    // It was fetched at most so long before it was stored: what comes later finds no question.
    const fetchedFromMs = storedMs - ROUNDING_MS - ANSWER_MS_MAX;
    if (untilMs < fetchedFromMs)
      return `it was false for ${fetchedFromMs - untilMs} ms when fetched`;
    return sinceMs > storedMs + ROUNDING_MS ? "it was stored before it was true" : null;
  }

  #complain(text: string): void {
    this.violations.push(`${this.#sim.clock.nowMs} ms ${this.#options.address}: ${text}`);
  }
}

/** What is wrong with the form of an answer; null when nothing is. */
function formProblem(
  { query, connection }: Asked,
  answer: DnsMessage,
  lengthBytes: number,
  cameByTcp: boolean,
): string | null {
  const size = query.opt === null ? PLAIN_BYTES : Math.max(query.opt.sizeBytes, PLAIN_BYTES);
  const overTcp = connection !== null;
  if (overTcp !== cameByTcp) return "by the wrong transport";
  if (!overTcp && lengthBytes > Math.min(size, OWN_BYTES)) return `${lengthBytes} bytes`;
  if (JSON.stringify(answer.questions) !== JSON.stringify(query.questions)) return "wrong question";
  if ((answer.opt === null) !== (query.opt === null)) return "OPT and no OPT";
  if (answer.opt !== null && answer.opt.dnssecOk !== query.opt!.dnssecOk) return "wrong DO bit";
  for (const flag of ["rd", "cd"]) {
    if (answer.flags.includes(flag) !== query.flags.includes(flag)) return `wrong ${flag} bit`;
  }
  if (!answer.flags.includes("qr") || !answer.flags.includes("ra")) return "no QR or RA bit";
  return answer.flags.includes("aa") || answer.flags.includes("z") ? "AA or Z bit" : null;
}

/** Letters in upper or lower case at random (0x20). */
function mixCase(name: string, prng: Prng): string {
  return name.replaceAll(/[a-z]/g, (letter) => (prng.chance(0.3) ? letter.toUpperCase() : letter));
}
