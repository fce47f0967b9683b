/**
 * Asks single questions from inside a namespace, as a companion: a process per question would take
 * longer than what is to be seen. Sockets can be kept by a name, as long-lived clients keep them.
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { serveParent } from "./companion.ts";
import {
  answerText,
  encodeQuery,
  MessageReader,
  type QueryType,
  rcodeOf,
  withLength,
} from "./dns_wire.ts";
import { ANSWER_OF } from "./kube_dns.ts";

export interface AskedQuestion {
  readonly address: string;
  readonly name: string;
  readonly type?: QueryType;
  readonly transport?: "udp" | "tcp";
  /** A connected UDP socket that is kept under this name, made when it is first used. */
  readonly socket?: string;
  readonly timeoutMs?: number;
  readonly port?: number;
}

export interface AskedReply {
  /** Of the record: an address or a text; "" when there is none. */
  readonly text: string;
  readonly rcode: number;
  readonly by: "nodens" | "kube-dns" | "?";
  readonly tookMs: number;
  /** The port it was asked from. */
  readonly localPort: number;
  /** Instead of all the others: why there is no answer. */
  readonly error?: string;
}

interface Exchange {
  readonly bytes: Buffer;
  readonly localPort: number;
}

const PORT = 53;
const TIMEOUT_MS = 1_000;

const kept = new Map<string, Socket>();
let lastId = Math.floor(Math.random() * 0xffff);

/** Who an answer of the stand-in has come from. */
export function answeredBy(text: string): AskedReply["by"] {
  if (text === ANSWER_OF.upstream || text.startsWith("upstream ")) return "nodens";
  return text === ANSWER_OF.kubeDns || text.startsWith("kube-dns ") ? "kube-dns" : "?";
}

async function reply(question: AskedQuestion): Promise<AskedReply> {
  const { timeoutMs = TIMEOUT_MS } = question;
  lastId = (lastId + 1) & 0xffff;
  const query = encodeQuery(question.name, lastId, question.type);
  const begin = process.hrtime.bigint();
  const tookMs = () => Number(process.hrtime.bigint() - begin) / 1e6;
  try {
    const ask = question.transport === "tcp" ? askByTcp : askByUdp;
    const { bytes, localPort } = await ask(question, query, AbortSignal.timeout(timeoutMs));
    const text = answerText(bytes);
    const by = answeredBy(text);
    return { text, rcode: rcodeOf(bytes), by, tookMs: tookMs(), localPort };
  } catch (error) {
    const { name, message } = error as Error;
    const why = name === "AbortError" ? `no answer in ${timeoutMs} ms` : message;
    return { text: "", rcode: -1, by: "?", tookMs: tookMs(), localPort: 0, error: why };
  }
}

async function askByUdp(
  question: AskedQuestion,
  query: Buffer,
  signal: AbortSignal,
): Promise<Exchange> {
  const socket = await socketOf(question);
  try {
    const sent = new Promise<void>((resolve, reject) => {
      socket.send(query, (error) => (error ? reject(error) : resolve()));
    });
    // Listening begins before the answer can be there.
    const answered = nextMessage(socket, query, signal);
    answered.catch(() => {});
    await sent;
    return { bytes: await answered, localPort: socket.address().port };
  } finally {
    if (question.socket === undefined) socket.close();
  }
}

async function nextMessage(socket: Socket, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    // An error of the socket (refused, unreachable) rejects this too.
    const [bytes] = (await once(socket, "message", { signal })) as [Buffer];
    if (bytes.readUInt16BE(0) === query.readUInt16BE(0)) return bytes;
  }
}

async function socketOf(question: AskedQuestion): Promise<Socket> {
  const { address, socket: name, port = PORT } = question;
  const known = name === undefined ? undefined : kept.get(name);
  if (known !== undefined) return known;
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  // Errors are taken by whoever waits; between questions nobody does.
  socket.on("error", () => {});
  socket.connect(port, address);
  await once(socket, "connect");
  if (name !== undefined) kept.set(name, socket);
  return socket;
}

async function askByTcp(
  question: AskedQuestion,
  query: Buffer,
  signal: AbortSignal,
): Promise<Exchange> {
  const { address, port = PORT } = question;
  const connection = connect({ host: address, port, noDelay: true });
  try {
    await once(connection, "connect", { signal });
    const localPort = connection.localPort ?? 0;
    const reader = new MessageReader();
    connection.write(withLength(query));
    const closed = once(connection, "close", { signal }).then(() => {
      throw new Error("the connection was closed");
    });
    closed.catch(() => {});
    for (;;) {
      const data = once(connection, "data", { signal }) as Promise<[Buffer]>;
      const [piece] = await Promise.race([data, closed]);
      const [bytes] = reader.push(piece);
      if (bytes !== undefined) return { bytes, localPort };
    }
  } finally {
    connection.destroy();
  }
}

if (import.meta.main) serveParent(reply);
