/** An upstream on loopback, UDP and TCP on one port, that does what the test tells it to. */

import { once } from "node:events";
import type { Socket as TcpSocket } from "node:net";
import type { TestContext } from "node:test";
import { cleanUp } from "./clean_up.ts";
import {
  type DnsMessage,
  decodeMessage,
  dnsMessage,
  encodeMessage,
  parseRecord,
} from "./dns_message.ts";
import { listenOnBoth } from "./free_port.ts";

/** A query that has come. */
export interface UpstreamQuery {
  readonly message: DnsMessage;
  /** In lower case, with its final dot. */
  readonly name: string;
  readonly transport: "udp" | "tcp";
  /** Of the TCP connection: 1 is the first one. 0 by UDP. */
  readonly connection: number;
  reply(parts?: Partial<DnsMessage>): void;
  /** Sends bytes as a message: a datagram, or framed. */
  replyBytes(bytes: Uint8Array): void;
  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void;
  /** Closes the TCP connection. */
  close(): void;
}

export interface ScriptedUpstream {
  readonly port: number;
  /** All queries, in order. */
  readonly heard: readonly UpstreamQuery[];
  /** How many of them asked for `name`. */
  count(name: string): number;
  /** Open TCP connections. */
  readonly connections: ReadonlySet<TcpSocket>;
}

/** Answers each name with `192.0.2.1`. */
export function answerAll(query: UpstreamQuery): void {
  query.reply({ answer: [parseRecord(`${query.name} 300 A 192.0.2.1`)] });
}

/** Starts one for the time of a test. */
export async function startScriptedUpstream(
  context: TestContext,
  onQuery: (query: UpstreamQuery) => void = answerAll,
  wantedPort = 0,
): Promise<ScriptedUpstream> {
  const { tcp, udp, port } = await listenOnBoth(wantedPort);
  const heard: UpstreamQuery[] = [];
  const connections = new Set<TcpSocket>();
  let accepted = 0;
  const hear = (
    bytes: Uint8Array,
    way: Pick<UpstreamQuery, "transport" | "connection" | "replyBytes" | "write" | "close">,
  ) => {
    const message = decodeMessage(bytes);
    const name = (message.questions[0]?.name ?? "").toLowerCase();
    const reply = (parts: Partial<DnsMessage> = {}) =>
      way.replyBytes(encodeMessage(replyTo(message, parts)));
    const query: UpstreamQuery = { message, name, reply, ...way };
    heard.push(query);
    onQuery(query);
  };
  udp.on("message", (bytes, from) => {
    const write = (reply: Uint8Array) => udp.send(reply, from.port, from.address, () => {});
    hear(bytes, { transport: "udp", connection: 0, replyBytes: write, write, close() {} });
  });
  tcp.on("connection", (socket) => {
    const connection = ++accepted;
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    socket.on("error", () => socket.destroy());
    onMessages(socket, (bytes) =>
      hear(bytes, {
        transport: "tcp",
        connection,
        replyBytes: (reply) => socket.write(framed(reply)),
        write: (reply) => socket.write(reply),
        close: () => socket.destroy(),
      }),
    );
  });
  cleanUp(context, async () => {
    for (const socket of connections) socket.destroy();
    const closed = [once(udp, "close"), once(tcp, "close")];
    udp.close();
    tcp.close();
    await Promise.all(closed);
  });
  const count = (name: string) => heard.filter((query) => query.name === name).length;
  return { port, heard, connections, count };
}

/** A reply to `query` with its id, question and, if it had one, an OPT. */
export function replyTo(query: DnsMessage, parts: Partial<DnsMessage> = {}): DnsMessage {
  return dnsMessage({
    id: query.id,
    flags: ["qr", "ra", ...query.flags.filter((flag) => flag === "rd")],
    questions: query.questions,
    opt: query.opt === null ? null : { ...query.opt, options: [] },
    ...parts,
  });
}

/** With the length before it (RFC 1035 §4.2.2). */
export function framed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(bytes.length >> 8, bytes.length & 0xff, ...bytes);
}

/** Calls back for each whole message that comes by a TCP connection. */
export function onMessages(socket: TcpSocket, onMessage: (bytes: Uint8Array) => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      onMessage(Uint8Array.from(received.subarray(2, end)));
      received = received.subarray(end);
    }
  });
}
