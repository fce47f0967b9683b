/** Asks one DNS server one question, by UDP or TCP; for people and scripts, not for the server. */

import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { type DecodedPacket, decode, encode, type Packet, RECURSION_DESIRED } from "dns-packet";
import { formatEndpoint } from "../std/ip_address.ts";

export interface Exchange {
  readonly server: string;
  readonly port: number;
  readonly tcp: boolean;
  readonly timeoutMs: number;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: string;
  readonly dnssec: boolean;
}

export interface DnsReply {
  readonly packet: DecodedPacket;
  readonly bytes: Uint8Array;
  readonly protocol: "UDP" | "TCP";
  /** Address and port that answered. */
  readonly endpoint: string;
  readonly timeMs: number;
}

/** No usable answer came; the message says why and what was asked where. */
export class NoAnswerError extends Error {
  readonly code = "NO_ANSWER";
  readonly retryable = true;
}

const UDP_PAYLOAD_BYTES = 1232;
const AUTHENTIC_DATA = 1 << 5;
const TRUNCATED = 1 << 9;
const RESENDS = 3;

/**
 * Sends the question and waits for its answer; a truncated one is asked for again by TCP.
 *
 * @throws {NoAnswerError} when the server is silent, unreachable, or answers something else.
 */
export async function askServer(question: DnsQuestion, exchange: Exchange): Promise<DnsReply> {
  const address = await resolveServer(exchange.server);
  const id = randomInt(65_536);
  const query = encodeQuery(id, question);
  const startMs = performance.now();
  const target = { address, port: exchange.port, timeoutMs: exchange.timeoutMs };
  const finish = (bytes: Uint8Array, protocol: "UDP" | "TCP"): DnsReply => ({
    packet: decodeReply(bytes, question),
    bytes,
    protocol,
    endpoint: formatEndpoint(address, exchange.port),
    timeMs: performance.now() - startMs,
  });
  if (!exchange.tcp) {
    const bytes = await askUdp(query, target);
    const flags = (bytes[2] << 8) | bytes[3];
    if ((flags & TRUNCATED) === 0) return finish(bytes, "UDP");
  }
  return finish(await askTcp(query, target), "TCP");
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

function encodeQuery(id: number, { name, type, dnssec }: DnsQuestion): Uint8Array {
  const flags = RECURSION_DESIRED | AUTHENTIC_DATA;
  const opt = {
    ...{ type: "OPT", name: ".", udpPayloadSize: UDP_PAYLOAD_BYTES, extendedRcode: 0 },
    ...{ ednsVersion: 0, flags: dnssec ? 1 << 15 : 0, flag_do: dnssec, options: [] },
  };
  const packet = { type: "query", id, flags, questions: [{ name, type }], additionals: [opt] };
  return encode(packet as unknown as Packet);
}

async function resolveServer(server: string): Promise<string> {
  if (isIP(server.replace(/%.*$/, "")) !== 0) return server;
  try {
    return (await lookup(server)).address;
  } catch {
    throw new NoAnswerError(`Cannot find the address of server "${server}"`);
  }
}

function askUdp(query: Uint8Array, target: Target): Promise<Uint8Array> {
  const socket = createSocket(target.address.includes(":") ? "udp6" : "udp4");
  const endpoint = formatEndpoint(target.address, target.port);
  return new Promise<Uint8Array>((resolve, reject) => {
    const timers = [setTimeout(() => reject(silent(endpoint, target.timeoutMs)), target.timeoutMs)];
    const stop = () => {
      for (const timer of timers) clearTimeout(timer);
      socket.close();
    };
    const [settle, fail] = [resolve, reject];
    resolve = (bytes) => {
      stop();
      settle(bytes);
    };
    reject = (error) => {
      stop();
      fail(error);
    };
    socket.on("error", (error) => reject(unreachable(endpoint, error)));
    socket.on("message", (bytes) => {
      if (isReplyTo(query, bytes)) resolve(bytes);
    });
    // Connected, so that the kernel drops datagrams of others and reports a closed port.
    socket.connect(target.port, target.address, () => {
      const send = () => socket.send(query);
      send();
      for (let count = 1; count < RESENDS; count += 1) {
        timers.push(setTimeout(send, (count * target.timeoutMs) / RESENDS));
      }
    });
  });
}

function askTcp(query: Uint8Array, target: Target): Promise<Uint8Array> {
  const endpoint = formatEndpoint(target.address, target.port);
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, target.address);
    let received: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(silent(endpoint, target.timeoutMs));
    }, target.timeoutMs);
    socket.on("connect", () => {
      const length = Uint8Array.of(query.length >> 8, query.length & 0xff);
      socket.write(Buffer.concat([length, query]));
    });
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const bytes = received.subarray(2, 2 + received.readUInt16BE(0));
      clearTimeout(timer);
      socket.destroy();
      if (isReplyTo(query, bytes)) resolve(bytes);
      else
        reject(new NoAnswerError(`Cannot use the answer of ${endpoint}: it answers another query`));
    });
    socket.on("error", (error) => {
      clearTimeout(timer);
      reject(unreachable(endpoint, error));
    });
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new NoAnswerError(`No answer from ${endpoint}: it closed the connection`));
    });
  });
}

/** A response with the id of the query. */
function isReplyTo(query: Uint8Array, reply: Uint8Array): boolean {
  const HEADER_BYTES = 12;
  const isResponse = reply.length >= HEADER_BYTES && (reply[2] & 0x80) !== 0;
  return isResponse && reply[0] === query[0] && reply[1] === query[1];
}

/** The question of a reply must be ours; a server that could not read it may leave it out. */
function decodeReply(bytes: Uint8Array, { name, type }: DnsQuestion): DecodedPacket {
  let packet: DecodedPacket;
  try {
    packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new NoAnswerError(`Cannot read the answer: ${(error as Error).message}`);
  }
  const question = packet.questions?.[0];
  const fold = (text: string) => text.toLowerCase().replace(/\.$/, "");
  if (question === undefined) return packet;
  if (fold(question.name) === fold(name) && question.type === type) return packet;
  throw new NoAnswerError(`Cannot use the answer: it is about "${question.name}" ${question.type}`);
}

function silent(endpoint: string, timeoutMs: number): NoAnswerError {
  return new NoAnswerError(`No answer from ${endpoint} in ${timeoutMs / 1_000} s`);
}

function unreachable(endpoint: string, error: Error): NoAnswerError {
  const code = (error as NodeJS.ErrnoException).code ?? error.message;
  const reasons: Record<string, string> = {
    ECONNREFUSED: "no server listens there",
    ENETUNREACH: "network unreachable",
    EHOSTUNREACH: "host unreachable",
    EACCES: "permission denied",
    ECONNRESET: "it closed the connection",
  };
  return new NoAnswerError(`No answer from ${endpoint}: ${reasons[code] ?? code}`);
}
