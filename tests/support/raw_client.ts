/** Clients on loopback that send any bytes, by UDP and by TCP. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { cleanUp } from "./clean_up.ts";
import { type DnsMessage, dnsMessage, encodeMessage } from "./dns_message.ts";
import { typeNumber } from "./dns_rdata.ts";
import { framed, onMessages } from "./scripted_upstream.ts";

export interface RawClient {
  /** Messages that came, in order. */
  readonly received: Uint8Array[];
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface RawTcpClient extends RawClient {
  /** Sends bytes without their length before them. */
  write(bytes: Uint8Array): void;
  /** Says that no more comes. */
  finish(): void;
  /** Reads no more. */
  pause(): void;
  /** Whether the server, or an error, has ended it. */
  isClosed(): boolean;
}

export interface RawClientOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly localAddress?: string;
}

/** A question as bytes: type A, RD set, no EDNS unless `parts` say otherwise. */
export function question(name: string, id: number, parts: Partial<DnsMessage> = {}): Uint8Array {
  const questions = [{ name, type: typeNumber("A"), class: 1 }];
  return encodeMessage(dnsMessage({ id, flags: ["rd"], questions, ...parts }));
}

/** Its socket is connected: only answers from where it asked arrive. */
export async function openUdpClient(
  context: TestContext,
  port: number,
  options: RawClientOptions = {},
): Promise<RawClient> {
  const { address = "127.0.0.1" } = options;
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const received: Uint8Array[] = [];
  socket.on("message", (bytes) => received.push(bytes));
  // Refused: the server is gone, and its test will say so.
  socket.on("error", () => {});
  socket.connect(port, address);
  await once(socket, "connect");
  let isOpen = true;
  const close = () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  cleanUp(context, close);
  return { received, send: (bytes) => socket.send(bytes, () => {}), close };
}

/** Opens a connection. @throws {Error} when nobody takes it. */
export async function openTcpClient(
  context: TestContext,
  port: number,
  options: RawClientOptions = {},
): Promise<RawTcpClient> {
  const { address = "127.0.0.1", localAddress } = options;
  const from = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ port, host: address, noDelay: true, allowHalfOpen: true, ...from });
  cleanUp(context, () => socket.destroy());
  await once(socket, "connect");
  const received: Uint8Array[] = [];
  let isClosed = false;
  const noteEnd = () => {
    isClosed = true;
  };
  socket.on("error", noteEnd);
  socket.on("close", noteEnd);
  socket.on("end", noteEnd);
  onMessages(socket, (bytes) => received.push(bytes));
  return {
    received,
    send: (bytes) => socket.write(framed(bytes)),
    write: (bytes) => socket.write(bytes),
    finish: () => socket.end(),
    pause: () => socket.pause(),
    close: () => socket.destroy(),
    isClosed: () => isClosed,
  };
}
