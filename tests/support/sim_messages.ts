/** recvmsg(2) and sendmsg(2) of the simulated kernel, for datagrams and streams. */

import { EAGAIN, EINVAL, EMSGSIZE, ENETUNREACH, ENOTCONN, EPIPE } from "../../src/sys/errno.ts";
import {
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  SO_RXQ_OVFL,
  SOL_SOCKET,
} from "../../src/sys/layout.ts";
import { familyOf } from "../../src/sys/sockaddr.ts";
import type { SimFile, TcpFile, UdpFile } from "./sim_files.ts";
import {
  type ControlMessage,
  type Piece,
  pktinfoOf,
  SimFault,
  type SimMemory,
} from "./sim_memory.ts";
import { type Datagram, type Endpoint, isWildcard, type SimNetwork } from "./sim_network.ts";

const ENOTSOCK = 88;
const EDESTADDRREQ = 89;
const EAFNOSUPPORT = 97;
const DATAGRAM_BYTES_MAX = 65_507;
const LOOPBACK_INDEX = 1;
const MSG_WAITFORONE = 0x1_0000;
const FLAGS_KNOWN = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_TRUNC | MSG_WAITFORONE;

export class SimMessages {
  readonly #memory: SimMemory;
  readonly #network: SimNetwork;
  /** Writes that would have raised SIGPIPE. */
  sigpipeCount = 0;

  constructor(memory: SimMemory, network: SimNetwork) {
    this.#memory = memory;
    this.#network = network;
  }

  /** @returns bytes, or a negated error number. */
  receive(file: SimFile, header: number, flags: number): number {
    checkFlags(flags);
    if (file.kind === "udp") return this.#receiveDatagram(file as UdpFile, header, flags);
    if (file.kind !== "tcp") return -ENOTSOCK;
    const code = this.receiveBytes(file, this.#memory.pieces(header), flags);
    if (code < 0) return code;
    this.#memory.writeName(header, null);
    this.#memory.writeControl(header, [], 0);
    return code;
  }

  /** What read(2) does on a socket: as `receive`, without address and control messages. */
  receiveBytes(file: SimFile, pieces: readonly Piece[], flags: number): number {
    if (file.kind === "udp") {
      const taken = this.#take(file as UdpFile, flags);
      return typeof taken === "number" ? taken : this.#memory.scatter(pieces, taken.datagram.bytes);
    }
    const { stream, blocking } = file as TcpFile;
    if (stream === null) return -ENOTCONN;
    const room = pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0);
    const bytes = stream.read(room);
    if (typeof bytes !== "number") return this.#memory.scatter(pieces, bytes);
    return wouldBlock(bytes, blocking, flags);
  }

  /** @returns bytes, or a negated error number. */
  send(file: SimFile, header: number, flags: number): number {
    checkFlags(flags);
    const pieces = this.#memory.pieces(header);
    if (file.kind === "tcp") return this.sendBytes(file, pieces, flags);
    if (file.kind !== "udp") return -ENOTSOCK;
    const name = this.#memory.readName(header);
    const source = this.#memory.readPktinfo(header);
    return this.#sendDatagram(file as UdpFile, pieces, name, source);
  }

  /** What write(2) does on a socket. */
  sendBytes(file: SimFile, pieces: readonly Piece[], flags: number): number {
    if (file.kind === "udp") return this.#sendDatagram(file as UdpFile, pieces, null, null);
    const { stream, blocking } = file as TcpFile;
    const code = stream === null ? -EPIPE : stream.write(this.#memory.gather(pieces));
    if (code === -EPIPE && (flags & MSG_NOSIGNAL) === 0) this.sigpipeCount += 1;
    return wouldBlock(code, blocking, flags);
  }

  #receiveDatagram(file: UdpFile, header: number, flags: number): number {
    const taken = this.#take(file, flags);
    if (typeof taken === "number") return taken;
    const { datagram, dropCount } = taken;
    const lengthBytes = this.#memory.scatter(this.#memory.pieces(header), datagram.bytes);
    this.#memory.writeName(header, datagram.from);
    const messages: ControlMessage[] = [];
    if (file.wantsDropCount && dropCount > 0) {
      const data = new Uint8Array(4);
      new DataView(data.buffer).setUint32(0, dropCount, true);
      messages.push({ level: SOL_SOCKET, type: SO_RXQ_OVFL, data });
    }
    if (file.wantsPktinfo) messages.push(pktinfoOf(datagram.to.address, LOOPBACK_INDEX));
    const isCut = lengthBytes < datagram.bytes.length;
    this.#memory.writeControl(header, messages, isCut ? MSG_TRUNC : 0);
    return (flags & MSG_TRUNC) !== 0 ? datagram.bytes.length : lengthBytes;
  }

  #take(file: UdpFile, flags: number): { datagram: Datagram; dropCount: number } | number {
    const taken = file.take();
    return typeof taken === "number" ? wouldBlock(taken, file.blocking, flags) : taken;
  }

  #sendDatagram(
    file: UdpFile,
    pieces: readonly Piece[],
    name: Endpoint | null,
    source: string | null,
  ): number {
    // As sock_alloc_send_pskb(): an error that waits is reported in place of sending.
    if (file.error !== 0) return -file.takeError();
    const to = name ?? file.remote;
    if (to === null) return -EDESTADDRREQ;
    if (familyOf(to.address) !== file.family) return -EAFNOSUPPORT;
    if (to.port === 0) return -EINVAL;
    const bytes = this.#memory.gather(pieces);
    if (bytes.length > DATAGRAM_BYTES_MAX) return -EMSGSIZE;
    if (!file.isBound) {
      const code = file.bind({ ...file.local, port: this.#network.ephemeralPort() });
      if (code < 0) return code;
    }
    const asked = source !== null && !isWildcard(source) ? source : null;
    if (asked !== null && !this.#network.isLocal(asked)) return -ENETUNREACH;
    const bound = isWildcard(file.local.address) ? null : file.local.address;
    const address = asked ?? bound ?? this.#network.sourceFor(to.address);
    const from = { address, port: file.local.port };
    const code = this.#network.sendDatagram(file, { bytes, from, to });
    return code < 0 ? code : bytes.length;
  }
}

function checkFlags(flags: number): void {
  if ((flags & ~FLAGS_KNOWN) !== 0) throw new SimFault(EINVAL);
}

/** A blocking descriptor would sleep in the call: nothing in the data plane may. */
function wouldBlock(code: number, blocking: boolean, flags: number): number {
  if (code === -EAGAIN && blocking && (flags & MSG_DONTWAIT) === 0) {
    throw new Error("Cannot go on: a system call on a blocking socket would sleep for ever");
  }
  return code;
}
