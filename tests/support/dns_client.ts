/** Asks a DNS server one question over UDP or TCP, with dns-packet; independent of src. */

import { createSocket } from "node:dgram";
import { connect } from "node:net";
import dnsPacket, { type DecodedPacket, type Packet, type RecordType } from "dns-packet";

const TIMEOUT_MS = 2000;

/** dns-packet's decoded message with the field that its types leave out. */
export type Reply = DecodedPacket & { readonly rcode: string };

export interface AskOptions {
  readonly transport?: "udp" | "tcp";
  /** EDNS buffer size; 0 sends no OPT. Default 1232. */
  readonly udpSizeBytes?: number;
  /** EDNS options to send, as dns-packet has them. */
  readonly ednsOptions?: readonly object[];
  /** Default 2,000. */
  readonly timeoutMs?: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Where the question comes from, by TCP. */
  readonly localAddress?: string;
}

/** @throws {Error} when no answer came in time or the server closed the connection. */
export function ask(
  port: number,
  name: string,
  type: RecordType | "ANY",
  options: AskOptions = {},
): Promise<Reply> {
  const udpSizeBytes = options.udpSizeBytes ?? 1232;
  const query: Packet = {
    type: "query",
    id: 1 + Math.floor(Math.random() * 65_535),
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: type as RecordType, name, class: "IN" }],
    additionals:
      udpSizeBytes > 0
        ? [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: udpSizeBytes,
              flags: 0,
              options: [...(options.ednsOptions ?? [])],
            } as never,
          ]
        : [],
  };
  return options.transport === "tcp"
    ? askByTcp(port, query, options)
    : askByUdp(port, query, options);
}

function askByUdp(port: number, query: Packet, options: AskOptions): Promise<Reply> {
  const { address = "127.0.0.1", timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const timer = setTimeout(() => finish(timeoutError("UDP", port, timeoutMs)), timeoutMs);
    const finish = (result: Reply | Error) => {
      clearTimeout(timer);
      socket.close();
      result instanceof Error ? reject(result) : resolve(result);
    };
    socket.on("error", finish);
    socket.on("message", (bytes) => {
      const reply = dnsPacket.decode(bytes) as Reply;
      if (reply.id === query.id) finish(reply);
    });
    // Connected: the kernel drops an answer that comes from another address than was asked.
    socket.connect(port, address, () => socket.send(dnsPacket.encode(query)));
  });
}

function askByTcp(port: number, query: Packet, options: AskOptions): Promise<Reply> {
  const { address = "127.0.0.1", localAddress, timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const from = localAddress === undefined ? {} : { localAddress };
    const socket = connect({ port, host: address, ...from });
    const timer = setTimeout(() => finish(timeoutError("TCP", port, timeoutMs)), timeoutMs);
    let received = Buffer.alloc(0);
    const finish = (result: Reply | Error) => {
      clearTimeout(timer);
      socket.destroy();
      result instanceof Error ? reject(result) : resolve(result);
    };
    socket.on("error", finish);
    socket.on("end", () => finish(new Error(`Cannot ask port ${port} by TCP: it closed`)));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      finish(dnsPacket.streamDecode(received) as Reply);
    });
    socket.on("connect", () => socket.write(dnsPacket.streamEncode(query)));
  });
}

function timeoutError(transport: string, port: number, timeoutMs: number): Error {
  return new Error(`Cannot ask port ${port} by ${transport}: no answer in ${timeoutMs} ms`);
}
