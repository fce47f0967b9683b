/** Asks a DNS address who answers there, and a worker whether it can resolve. */

import { createSocket, type Socket } from "node:dgram";
import { CONFIG_NAME, type ConfigNote, parseConfigNote } from "../handoff/config_note.ts";
import { INSTANCE_NAME, instanceOf } from "../handoff/instance.ts";

const HEADER_BYTES = 12;
const QUESTION_FIXED_BYTES = 4;
const FLAG_RD = 0x0100;
const RCODE_MASK = 0xf;
const TYPE_SOA = 6;
const TYPE_TXT = 16;
const CLASS_IN = 1;
const CLASS_CH = 3;
const RCODE_SERVFAIL = 2;

/** Who answered at an address, by source port: see `probeInstance`. */
export interface ProbeResult {
  /** Answers of this process. */
  readonly ours: number;
  /** Answers of other nodens processes, which may share the address. */
  readonly siblings: number;
  /** Answers of anything else. */
  readonly strangers: number;
  readonly silent: number;
}

export interface ProbeOptions {
  readonly address: string;
  readonly port: number;
  /** Our own name, see handoff/instance.ts. */
  readonly instance: string;
  /** Source ports to ask from: sockets that share an address are chosen by source. */
  readonly sourceCount: number;
  readonly timeoutMs: number;
}

/** Asks "who are you?" from several source ports at once. Never rejects. */
export async function probeInstance(options: ProbeOptions): Promise<ProbeResult> {
  const { address, port, instance, sourceCount, timeoutMs } = options;
  const asked = Array.from({ length: sourceCount }, () =>
    askOnce(address, port, INSTANCE_NAME, TYPE_TXT, CLASS_CH, timeoutMs),
  );
  const result = { ours: 0, siblings: 0, strangers: 0, silent: 0 };
  for (const reply of await Promise.all(asked)) {
    const found = reply === null ? null : instanceOf(lastString(reply));
    if (reply === null) result.silent += 1;
    else if (found === null) result.strangers += 1;
    else if (found === instance) result.ours += 1;
    else result.siblings += 1;
  }
  return result;
}

/**
 * Asks once who answers there. @returns what a nodens says of itself (`instance=… worker=1 …`), ""
 * for anybody else, null for silence. Never rejects.
 */
export async function whoAnswers(
  address: string,
  port: number,
  timeoutMs: number,
): Promise<string | null> {
  const reply = await askOnce(address, port, INSTANCE_NAME, TYPE_TXT, CLASS_CH, timeoutMs);
  if (reply === null) return null;
  const text = lastString(reply);
  return instanceOf(text) === null ? "" : text;
}

/**
 * Asks once which configuration is in effect there. @returns null when no nodens says so. Never
 * rejects.
 */
export async function whichConfig(
  address: string,
  port: number,
  timeoutMs: number,
): Promise<ConfigNote | null> {
  const reply = await askOnce(address, port, CONFIG_NAME, TYPE_TXT, CLASS_CH, timeoutMs);
  return reply === null ? null : parseConfigNote(lastString(reply, "generation="));
}

/**
 * Whether whoever answers at `port` of loopback can say anything about `zone` but SERVFAIL, which
 * it says, too, when no upstream has answered. A denial or a refusal is an answer.
 */
export async function canResolve(port: number, zone: string, timeoutMs: number): Promise<boolean> {
  const reply = await askOnce("127.0.0.1", port, zone, TYPE_SOA, CLASS_IN, timeoutMs);
  if (reply === null) return false;
  const rcode = reply[3]! & RCODE_MASK;
  return rcode !== RCODE_SERVFAIL;
}

/** One question from a socket of its own; null when there was no answer in time. Never rejects. */
function askOnce(
  address: string,
  port: number,
  name: string,
  type: number,
  dnsClass: number,
  timeoutMs: number,
): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const id = Math.floor(Math.random() * 0x1_0000);
    const socket: Socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    let isDone = false;
    const finish = (reply: Buffer | null) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    socket.on("error", () => finish(null));
    socket.on("message", (message) => {
      if (message.length >= HEADER_BYTES && message.readUInt16BE(0) === id) finish(message);
    });
    // Connected, so that answers from elsewhere are none, and a refusal is noticed.
    socket.connect(port, address, (failure?: Error | null) => {
      if (isDone) return;
      if (failure !== undefined && failure !== null) return finish(null);
      socket.send(encodeQuestion(id, name, type, dnsClass), (error) => {
        if (error !== null) finish(null);
      });
    });
  });
}

/** @param name with its final dot; `.` is the root. */
function encodeQuestion(id: number, name: string, type: number, dnsClass: number): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const wire = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, "latin1")])),
    Buffer.of(0),
  ]);
  const message = Buffer.alloc(HEADER_BYTES + wire.length + QUESTION_FIXED_BYTES);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(FLAG_RD, 2);
  message.writeUInt16BE(1, 4);
  wire.copy(message, HEADER_BYTES);
  message.writeUInt16BE(type, HEADER_BYTES + wire.length);
  message.writeUInt16BE(dnsClass, HEADER_BYTES + wire.length + 2);
  return message;
}

/**
 * The text in which we would say so, which begins with `first`: it ends the message, for we ask
 * without an OPT.
 */
function lastString(message: Buffer, first = "instance="): string {
  // What may be said in it again, later on, is not where it begins.
  const at = Math.max(0, message.indexOf(first, HEADER_BYTES, "latin1"));
  return message.toString("utf8", at);
}
