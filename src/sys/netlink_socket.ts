/**
 * A netlink socket of the control plane: requests with their answers, in one synchronous go.
 *
 * The kernel works a request off inside the call that sends it, so that the answer is there when
 * the call returns; nothing here waits. Nothing is in a buffer between two calls, so all sockets of
 * a thread share theirs, and there may be any number of them, one after the other.
 */

import { EAGAIN, EBADF, EBUSY, EINTR, EPROTO, SysError } from "./errno.ts";
import type { Kernel, Pointer } from "./kernel.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from "./layout.ts";
import {
  AF_NETLINK,
  AF_UNSPEC,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  NLMSGHDR_BYTES,
  SOCK_RAW,
  SOCKADDR_NL_BYTES,
  SOCKADDR_NL_GROUPS,
  SOCKADDR_NL_PORT,
  SOL_NETLINK,
} from "./netlink_layout.ts";
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  joinBytes,
  type NetlinkMessage,
  type NetlinkRequest,
  readText,
  viewOf,
} from "./netlink_message.ts";

const SEND_BYTES_MAX = 64 * 1024;
/** The kernel's own limit for a part of a dump is 32 KiB. */
const RECEIVE_BYTES_MAX = 64 * 1024;
/** A list that changes while it is read is read again. */
const DUMP_TRIES_MAX = 4;
const NLM_F_DUMP_INTR = 0x10;

export interface NetlinkReply {
  /** 0, or a negated error number. */
  readonly code: number;
  /** What the kernel says about the error, if anything. */
  readonly detail: string;
  readonly messages: readonly NetlinkMessage[];
}

/** Memory that the kernel reads and writes, carved once. */
interface Buffers {
  readonly send: number;
  readonly sendPointer: Pointer;
  readonly receive: number;
  readonly receivePointer: Pointer;
  readonly address: number;
  readonly addressPointer: Pointer;
  readonly value: number;
  readonly valuePointer: Pointer;
}

const buffersOfKernels = new WeakMap<Kernel, Buffers>();

export class NetlinkSocket {
  readonly #kernel: Kernel;
  readonly #protocol: number;
  readonly #groups: number;
  readonly #buffers: Buffers;
  #fd = -1;
  #portId = 0;
  #sequence = 0;

  /** @param groups multicast groups to hear, as bits. */
  constructor(kernel: Kernel, protocol: number, groups = 0) {
    this.#kernel = kernel;
    this.#protocol = protocol;
    this.#groups = groups;
    this.#buffers = buffersOf(kernel);
  }

  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** What the kernel calls this socket: unique among the namespace's sockets of its protocol. */
  get portId(): number {
    return this.#portId;
  }

  /** @throws {SysError} when the kernel has no such protocol, or no descriptor is left. */
  open(): void {
    if (this.isOpen) return;
    const kernel = this.#kernel;
    const { bytes, view } = kernel.slab;
    const { address, addressPointer, value, valuePointer } = this.#buffers;
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = kernel.socket(AF_NETLINK, type, this.#protocol);
    if (fd < 0) throw new SysError(`open a netlink socket of protocol ${this.#protocol}`, fd);
    this.#fd = fd;
    // Kernels before 4.20 know neither; they say less and send more.
    this.setOption(SOL_NETLINK, NETLINK_EXT_ACK, 1);
    this.setOption(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    bytes.fill(0, address, address + SOCKADDR_NL_BYTES);
    view.setUint16(address, AF_NETLINK, true);
    view.setUint32(address + SOCKADDR_NL_GROUPS, this.#groups, true);
    const code = kernel.bind(fd, addressPointer, SOCKADDR_NL_BYTES);
    if (code < 0) {
      this.close();
      throw new SysError("bind a netlink socket", code);
    }
    view.setInt32(value, SOCKADDR_NL_BYTES, true);
    kernel.getsockname(fd, addressPointer, valuePointer);
    this.#portId = view.getUint32(address + SOCKADDR_NL_PORT, true);
  }

  close(): void {
    if (this.#fd >= 0) this.#kernel.close(this.#fd);
    this.#fd = -1;
  }

  setOption(level: number, name: number, value: number): number {
    const { value: at, valuePointer } = this.#buffers;
    this.#kernel.slab.view.setInt32(at, value, true);
    return this.#kernel.setsockopt(this.#fd, level, name, valuePointer, 4);
  }

  /** One request and its answers; every failure is in the reply. */
  request(request: NetlinkRequest): NetlinkReply {
    return this.#exchange([{ ...request, flags: request.flags | NLM_F_REQUEST | NLM_F_ACK }]);
  }

  /** All entries of a list. */
  dump(request: NetlinkRequest): NetlinkReply {
    const flags = request.flags | NLM_F_REQUEST | NLM_F_DUMP;
    let reply = this.#exchange([{ ...request, flags }]);
    for (let tries = 1; tries < DUMP_TRIES_MAX && isInterrupted(reply); tries++) {
      reply = this.#exchange([{ ...request, flags }]);
    }
    return reply;
  }

  /**
   * Requests to a subsystem of nfnetlink that take effect together or not at all. The code is that
   * of the first that failed.
   */
  batch(subsystem: number, requests: readonly NetlinkRequest[]): NetlinkReply {
    // struct nfgenmsg, whose resource is here the subsystem, in network order.
    const body = Uint8Array.of(AF_UNSPEC, 0, 0, subsystem);
    const last = requests.length - 1;
    return this.#exchange([
      { type: NFNL_MSG_BATCH_BEGIN, flags: NLM_F_REQUEST, body },
      // Answers come when all is done; that of the last stands for all.
      ...requests.map((request, index) => ({
        ...request,
        flags: request.flags | NLM_F_REQUEST | (index === last ? NLM_F_ACK : 0),
      })),
      { type: NFNL_MSG_BATCH_END, flags: NLM_F_REQUEST, body },
    ]);
  }

  /** The next datagram; a negated error number when there is none (EAGAIN) or some are lost. */
  receive(): Uint8Array | number {
    const { receive, receivePointer } = this.#buffers;
    const count = this.#kernel.read(this.#fd, receivePointer, RECEIVE_BYTES_MAX);
    return count < 0 ? count : this.#kernel.slab.bytes.slice(receive, receive + count);
  }

  #exchange(requests: readonly NetlinkRequest[]): NetlinkReply {
    if (!this.isOpen) return { code: -EBADF, detail: "the socket is closed", messages: [] };
    const first = this.#sequence + 1;
    const bytes = joinBytes(requests.map((one) => encodeMessage(one, ++this.#sequence)));
    if (bytes.length > SEND_BYTES_MAX) throw new RangeError(`netlink: ${bytes.length} bytes`);
    this.#kernel.slab.bytes.set(bytes, this.#buffers.send);
    const sent = this.#kernel.write(this.#fd, this.#buffers.sendPointer, bytes.length);
    if (sent < 0) return { code: sent, detail: "", messages: [] };
    return this.#collect(first);
  }

  /** Reads until the request whose answer ends the exchange is answered. */
  #collect(first: number): NetlinkReply {
    const messages: NetlinkMessage[] = [];
    let failure: NetlinkReply | null = null;
    for (let isAnswered = false; ; ) {
      const bytes = this.receive();
      if (bytes === -EINTR) continue;
      if (typeof bytes === "number") {
        if (failure !== null) return failure;
        if (bytes === -EAGAIN && isAnswered) return { code: 0, detail: "", messages };
        return { code: bytes === -EAGAIN ? -EPROTO : bytes, detail: "no answer", messages };
      }
      for (const message of decodeMessages(bytes)) {
        if (message.sequence < first) continue;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          isAnswered = true;
          const code = message.body.length < 4 ? 0 : viewOf(message.body).getInt32(0, true);
          if (code < 0) failure ??= { code, detail: detailOf(message), messages };
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) failure ??= interrupted(messages);
        } else {
          messages.push(message);
          if ((message.flags & NLM_F_DUMP_INTR) !== 0) failure ??= interrupted(messages);
        }
      }
    }
  }
}

function buffersOf(kernel: Kernel): Buffers {
  const known = buffersOfKernels.get(kernel);
  if (known !== undefined) return known;
  const carve = (lengthBytes: number) => {
    const offset = kernel.slab.carve(lengthBytes);
    return [offset, kernel.pointer(offset)] as const;
  };
  const [send, sendPointer] = carve(SEND_BYTES_MAX);
  const [receive, receivePointer] = carve(RECEIVE_BYTES_MAX);
  const [address, addressPointer] = carve(SOCKADDR_NL_BYTES);
  const [value, valuePointer] = carve(8);
  const buffers = {
    ...{ send, sendPointer, receive, receivePointer },
    ...{ address, addressPointer, value, valuePointer },
  };
  buffersOfKernels.set(kernel, buffers);
  return buffers;
}

function interrupted(messages: readonly NetlinkMessage[]): NetlinkReply {
  return { code: -EBUSY, detail: "the list changed while it was read", messages };
}

function isInterrupted(reply: NetlinkReply): boolean {
  return reply.code === -EBUSY;
}

/** Text behind the error's number and the header of what it is about. */
function detailOf(message: NetlinkMessage): string {
  if (message.type !== NLMSG_ERROR || (message.flags & NLM_F_ACK_TLVS) === 0) return "";
  const isCapped = (message.flags & 0x100) !== 0;
  const original = viewOf(message.body).getUint32(4, true);
  const offset = 4 + (isCapped ? NLMSGHDR_BYTES : (original + 3) & ~3);
  return readText(decodeAttributes(message.body, offset).get(NLMSGERR_ATTR_MSG));
}
