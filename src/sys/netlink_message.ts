/**
 * Netlink messages between values and bytes: pure functions, for the control plane.
 *
 * A message is a header, a fixed structure that depends on its type, and attributes, which may hold
 * attributes again:
 *
 *     u32 length | u16 type | u16 flags | u32 sequence | u32 port | structure | attribute ...
 *     attribute: u16 length | u16 type | value | zeros up to the next multiple of 4
 *
 * Lengths count their own header but not the zeros. Numbers are the machine's (little-endian)
 * unless said otherwise.
 */

import { NLA_F_NESTED, NLMSGHDR_BYTES } from "./netlink_layout.ts";

const ATTRIBUTE_HEADER_BYTES = 4;
const TYPE_MASK = 0x3fff;

/** A message as it is sent; `sequence` and port are the socket's business. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags: number;
  /** Structure and attributes. */
  readonly body: Uint8Array;
}

/** A message as it is received. */
export interface NetlinkMessage extends NetlinkRequest {
  readonly sequence: number;
  readonly port: number;
}

export function encodeMessage(request: NetlinkRequest, sequence: number): Uint8Array {
  const bytes = new Uint8Array(padded(NLMSGHDR_BYTES + request.body.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, NLMSGHDR_BYTES + request.body.length, true);
  view.setUint16(4, request.type, true);
  view.setUint16(6, request.flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(request.body, NLMSGHDR_BYTES);
  return bytes;
}

/** The messages of one datagram; what is cut off is left out. */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = viewOf(bytes);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at + NLMSGHDR_BYTES <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < NLMSGHDR_BYTES || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      body: bytes.subarray(at + NLMSGHDR_BYTES, at + length),
    });
    at += padded(length);
  }
  return messages;
}

/** An attribute of bytes as they are. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = ATTRIBUTE_HEADER_BYTES + value.length;
  const bytes = new Uint8Array(padded(length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

export function attributeU8(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value));
}

export function attributeU32(type: number, value: number): Uint8Array {
  return attribute(type, numberBytes(value, true));
}

/** A number in network order, as nf_tables has them. */
export function attributeBe32(type: number, value: number): Uint8Array {
  return attribute(type, numberBytes(value, false));
}

export function attributeText(type: number, text: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${text}\0`));
}

export function nested(type: number, ...attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, joinBytes(attributes));
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Attributes from `offset` on, the last of each type. */
export function decodeAttributes(bytes: Uint8Array, offset = 0): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  for (let at = offset; at + ATTRIBUTE_HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & TYPE_MASK;
    attributes.set(type, bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += padded(length);
  }
  return attributes;
}

/** 0 where there is no such attribute, as the kernel means it. */
export function readU32(value: Uint8Array | undefined): number {
  return value === undefined || value.length < 4 ? 0 : viewOf(value).getUint32(0, true);
}

export function readBe32(value: Uint8Array | undefined): number {
  return value === undefined || value.length < 4 ? 0 : viewOf(value).getUint32(0);
}

/** "" where there is no such attribute. */
export function readText(value: Uint8Array | undefined): string {
  return value === undefined ? "" : new TextDecoder().decode(value).replace(/\0.*$/s, "");
}

function numberBytes(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, littleEndian);
  return bytes;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
