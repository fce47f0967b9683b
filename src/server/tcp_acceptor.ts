// Hot path.
/**
 * Takes TCP connections from listening sockets and knows whose they are.
 *
 *   names    1024 of 32 bytes    sockaddr of each connection's client
 */

import { TCP_CLIENTS_MAX } from "../limits.ts";
import type { Kernel, Pointer } from "../sys/kernel.ts";
import {
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCKADDR_IN_ADDR,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_ADDR,
} from "../sys/layout.ts";
import { SOCKADDR_BYTES_MAX } from "../sys/sockaddr.ts";

const CACHE_LINE = 64;
const NAME_WORDS = SOCKADDR_BYTES_MAX >> 2;
const ADDRESS_WORDS_4 = 1;
const ADDRESS_WORDS_6 = 4;
const NO_FD = -1;

export class TcpAcceptor {
  readonly #kernel: Kernel;
  readonly #words: Int32Array;
  readonly #names: number;
  /** Length of each connection's sockaddr, 0 when there is no connection. */
  readonly #lengths = new Uint8Array(TCP_CLIENTS_MAX);
  /** Sockaddr of the connection that was accepted last, and its length. */
  readonly #accepted: number;
  readonly #acceptedPointer: Pointer;
  readonly #acceptedLength: number;
  readonly #acceptedLengthPointer: Pointer;
  /**
   * To be given up when there are no descriptors left, so that a client can at least be refused.
   */
  #spareFd: number;

  constructor(kernel: Kernel) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#words = slab.words;
    this.#names = slab.carve(TCP_CLIENTS_MAX * SOCKADDR_BYTES_MAX, CACHE_LINE);
    this.#accepted = slab.carve(SOCKADDR_BYTES_MAX);
    this.#acceptedPointer = kernel.pointer(this.#accepted);
    this.#acceptedLength = slab.carve(8);
    this.#acceptedLengthPointer = kernel.pointer(this.#acceptedLength);
    this.#spareFd = kernel.eventfd();
  }

  /** @returns the descriptor of a new connection, or a negated error number. */
  accept(listenerFd: number): number {
    this.#words[this.#acceptedLength >> 2] = SOCKADDR_BYTES_MAX;
    return this.#kernel.accept4(
      listenerFd,
      this.#acceptedPointer,
      this.#acceptedLengthPointer,
      SOCK_NONBLOCK | SOCK_CLOEXEC,
    );
  }

  /**
   * Accepts one connection by way of the spare descriptor and closes it. @returns whether it did.
   */
  turnAway(listenerFd: number): boolean {
    this.close();
    const fd = this.accept(listenerFd);
    if (fd >= 0) this.#kernel.close(fd);
    this.#spareFd = this.#kernel.eventfd();
    return fd >= 0;
  }

  /** Gives up the spare descriptor. */
  close(): void {
    if (this.#spareFd >= 0) this.#kernel.close(this.#spareFd);
    this.#spareFd = NO_FD;
  }

  /** The connection accepted last is `connection` from now on. */
  keep(connection: number): void {
    const from = this.#accepted >> 2;
    const to = this.nameOffset(connection) >> 2;
    for (let word = 0; word < NAME_WORDS; word++)
      this.#words[to + word] = this.#words[from + word]!;
    this.#lengths[connection] = this.#words[this.#acceptedLength >> 2]!;
  }

  forget(connection: number): void {
    this.#lengths[connection] = 0;
  }

  /** Where the sockaddr of the client stands in the slab. */
  nameOffset(connection: number): number {
    return this.#names + connection * SOCKADDR_BYTES_MAX;
  }

  nameBytes(connection: number): number {
    return this.#lengths[connection]!;
  }

  /** Connections from the address of the one accepted last, itself not counted. */
  countOfAccepted(): number {
    const length = this.#words[this.#acceptedLength >> 2]!;
    const isV4 = length === SOCKADDR_IN_BYTES;
    const field = (isV4 ? SOCKADDR_IN_ADDR : SOCKADDR_IN6_ADDR) >> 2;
    const wordCount = isV4 ? ADDRESS_WORDS_4 : ADDRESS_WORDS_6;
    const wanted = (this.#accepted >> 2) + field;
    let count = 0;
    for (let connection = 0; connection < TCP_CLIENTS_MAX; connection++) {
      if (this.#lengths[connection] !== length) continue;
      const at = (this.nameOffset(connection) >> 2) + field;
      let same = 0;
      while (same < wordCount && this.#words[at + same] === this.#words[wanted + same]) same++;
      if (same === wordCount) count++;
    }
    return count;
  }
}
