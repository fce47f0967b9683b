/**
 * How the simulated kernel reads and writes the slab: the structures of `src/sys/layout.ts`, laid
 * out as Linux lays them out, with pointers as addresses.
 */

import { EFAULT, EINVAL } from "../../src/sys/errno.ts";
import type { Pointer } from "../../src/sys/kernel.ts";
import {
  AF_INET,
  AF_INET6,
  CMSG_DATA,
  CMSG_LEVEL,
  CMSG_TYPE,
  IN6_PKTINFO_BYTES,
  IOVEC_BYTES,
  IOVEC_LENGTH,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_PKTINFO,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
  MSGHDR_FLAGS,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
} from "../../src/sys/layout.ts";
import { Slab } from "../../src/sys/slab.ts";
import {
  familyOf,
  ipv6Text,
  readAddress,
  readPort,
  writeSockaddr,
} from "../../src/sys/sockaddr.ts";
import type { Endpoint } from "./sim_network.ts";

/** Where the slab "begins": above 4 GiB, so that dropping the upper half of a pointer fails. */
const BASE_ADDRESS = 0x7f0a_fffe_0000;
const MSG_CTRUNC = 0x8;
const NULL_OFFSET = -1;

/** One piece of memory of an `iovec`. */
export interface Piece {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** A control message to hand to the receiver. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** Thrown inside the simulated kernel when the caller's memory is wrong; becomes a result code. */
export class SimFault extends Error {
  override readonly name = "SimFault";
  readonly code: number;
  constructor(code: number) {
    super(`error ${code}`);
    this.code = -code;
  }
}

export class SimMemory {
  readonly slab: Slab;

  constructor(slabBytes: number) {
    this.slab = new Slab(new SharedArrayBuffer(slabBytes), BigInt(BASE_ADDRESS));
  }

  pointer(offset: number): Pointer {
    return (BASE_ADDRESS + offset) as unknown as Pointer;
  }

  /** The offset that `pointer` stands for, when `lengthBytes` from there are ours. */
  offsetOf(pointer: Pointer, lengthBytes: number): number {
    return this.#checked(pointer as unknown as number, lengthBytes);
  }

  /** Pieces of the msghdr at `header`, in order. */
  pieces(header: number): Piece[] {
    const count = this.#readSize(header + MSGHDR_IOVLEN);
    const base = this.#readPointer(header + MSGHDR_IOV, count * IOVEC_BYTES);
    const pieces: Piece[] = [];
    for (let index = 0; index < count; index++) {
      const at = base + index * IOVEC_BYTES;
      const lengthBytes = this.#readSize(at + IOVEC_LENGTH);
      pieces.push({ offset: this.#readPointer(at, lengthBytes), lengthBytes });
    }
    return pieces;
  }

  /** Copies of all bytes of `pieces`, one after the other. */
  gather(pieces: readonly Piece[]): Uint8Array {
    const gathered = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0));
    let at = 0;
    for (const { offset, lengthBytes } of pieces) {
      gathered.set(this.slab.bytes.subarray(offset, offset + lengthBytes), at);
      at += lengthBytes;
    }
    return gathered;
  }

  /** Writes `source` into `pieces` as far as it fits and answers how many bytes did. */
  scatter(pieces: readonly Piece[], source: Uint8Array): number {
    let at = 0;
    for (const { offset, lengthBytes } of pieces) {
      const part = source.subarray(at, at + lengthBytes);
      this.slab.bytes.set(part, offset);
      at += part.length;
    }
    return at;
  }

  /** The address at `offset`, of which the caller says that it has `lengthBytes` bytes. */
  readEndpoint(offset: number, lengthBytes: number): Endpoint {
    const family = this.slab.view.getUint16(offset, true);
    const needed = family === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
    if (family !== AF_INET && family !== AF_INET6) throw new SimFault(EINVAL);
    if (lengthBytes < needed) throw new SimFault(EINVAL);
    return { address: readAddress(this.slab, offset), port: readPort(this.slab, offset) };
  }

  /** The destination in the msghdr at `header`; null when it has none. */
  readName(header: number): Endpoint | null {
    const lengthBytes = this.slab.view.getInt32(header + MSGHDR_NAMELEN, true);
    const name = this.#readPointer(header + MSGHDR_NAME, lengthBytes);
    return name === NULL_OFFSET || lengthBytes === 0 ? null : this.readEndpoint(name, lengthBytes);
  }

  /** Writes the sender's address as recvmsg(2) does: cut to the room, with its full length. */
  writeName(header: number, endpoint: Endpoint | null): void {
    const room = this.slab.view.getInt32(header + MSGHDR_NAMELEN, true);
    const name = this.#readPointer(header + MSGHDR_NAME, room);
    if (name === NULL_OFFSET) return;
    const lengthBytes = endpoint === null ? 0 : this.writeEndpoint(name, room, endpoint);
    this.slab.view.setInt32(header + MSGHDR_NAMELEN, lengthBytes, true);
  }

  /** Writes `endpoint` at `offset`, at most `room` bytes, and answers its full length. */
  writeEndpoint(offset: number, room: number, endpoint: Endpoint): number {
    const scratch = new Slab(new SharedArrayBuffer(32), 0n);
    const lengthBytes = writeSockaddr(scratch, 0, endpoint.address, endpoint.port);
    this.slab.bytes.set(scratch.bytes.subarray(0, Math.min(lengthBytes, room)), offset);
    return lengthBytes;
  }

  /** The source address asked for by a PKTINFO control message; null when there is none. */
  readPktinfo(header: number): string | null {
    const { bytes, view } = this.slab;
    const total = this.#readSize(header + MSGHDR_CONTROLLEN);
    if (total < CMSG_DATA) return null;
    const control = this.#readPointer(header + MSGHDR_CONTROL, total);
    for (let at = control; at + CMSG_DATA <= control + total; ) {
      const lengthBytes = this.#readSize(at);
      if (lengthBytes < CMSG_DATA || at + lengthBytes > control + total) throw new SimFault(EINVAL);
      const level = view.getInt32(at + CMSG_LEVEL, true);
      const type = view.getInt32(at + CMSG_TYPE, true);
      const data = at + CMSG_DATA;
      if (level === IPPROTO_IP && type === IP_PKTINFO)
        return bytes.slice(data + 4, data + 8).join(".");
      if (level === IPPROTO_IPV6 && type === IPV6_PKTINFO) {
        if (lengthBytes < CMSG_DATA + IN6_PKTINFO_BYTES) throw new SimFault(EINVAL);
        return ipv6Text(bytes.slice(data, data + 16));
      }
      at += (lengthBytes + 7) & -8;
    }
    return null;
  }

  /** Hands `messages` over as put_cmsg() in the kernel does, and writes length and flags back. */
  writeControl(header: number, messages: readonly ControlMessage[], flags: number): void {
    const { bytes, view } = this.slab;
    const total = this.#readSize(header + MSGHDR_CONTROLLEN);
    const control = this.#readPointer(header + MSGHDR_CONTROL, total);
    let used = 0;
    let outFlags = flags;
    for (const { level, type, data } of messages) {
      const room = control === NULL_OFFSET ? 0 : total - used;
      if (room < CMSG_DATA) {
        outFlags |= MSG_CTRUNC;
        continue;
      }
      const lengthBytes = Math.min(CMSG_DATA + data.length, room);
      if (lengthBytes < CMSG_DATA + data.length) outFlags |= MSG_CTRUNC;
      this.#writeSize(control + used, lengthBytes);
      view.setInt32(control + used + CMSG_LEVEL, level, true);
      view.setInt32(control + used + CMSG_TYPE, type, true);
      bytes.set(data.subarray(0, lengthBytes - CMSG_DATA), control + used + CMSG_DATA);
      used += Math.min((CMSG_DATA + data.length + 7) & -8, room);
    }
    this.#writeSize(header + MSGHDR_CONTROLLEN, used);
    view.setInt32(header + MSGHDR_FLAGS, outFlags, true);
  }

  #readSize(at: number): number {
    const high = this.slab.view.getUint32(at + 4, true);
    return high * 0x1_0000_0000 + this.slab.view.getUint32(at, true);
  }

  #writeSize(at: number, value: number): void {
    this.slab.view.setUint32(at, value, true);
    this.slab.view.setUint32(at + 4, 0, true);
  }

  #readPointer(at: number, lengthBytes: number): number {
    const address = this.#readSize(at);
    return address === 0 ? NULL_OFFSET : this.#checked(address, lengthBytes);
  }

  #checked(address: number, lengthBytes: number): number {
    const offset = address - BASE_ADDRESS;
    if (!(offset >= 0 && offset + lengthBytes <= this.slab.bytes.length))
      throw new SimFault(EFAULT);
    return offset;
  }
}

/** The PKTINFO control message that tells which of our addresses a datagram was sent to. */
export function pktinfoOf(address: string, interfaceIndex: number): ControlMessage {
  const scratch = new Slab(new SharedArrayBuffer(32), 0n);
  writeSockaddr(scratch, 0, address, 0);
  if (familyOf(address) === AF_INET) {
    const data = new Uint8Array(12);
    data[0] = interfaceIndex;
    data.set(scratch.bytes.subarray(4, 8), 4);
    data.set(scratch.bytes.subarray(4, 8), 8);
    return { level: IPPROTO_IP, type: IP_PKTINFO, data };
  }
  const data = new Uint8Array(IN6_PKTINFO_BYTES);
  data.set(scratch.bytes.subarray(8, 24), 0);
  data[16] = interfaceIndex;
  return { level: IPPROTO_IPV6, type: IPV6_PKTINFO, data };
}
