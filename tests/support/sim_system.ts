/**
 * What lies under the calls of the simulated kernel: the clock and how one sleeps, the table of
 * descriptors, failures on order. `sim_kernel.ts` has the calls themselves.
 */

import { Prng } from "../../src/std/prng.ts";
import { EBADF, EINVAL, EMFILE } from "../../src/sys/errno.ts";
import type { Kernel } from "../../src/sys/kernel.ts";
import type { Slab } from "../../src/sys/slab.ts";
import { SimClock } from "./sim_clock.ts";
import { EpollFile, type SimFile, TcpFile, UdpFile } from "./sim_files.ts";
import { SimFault, SimMemory } from "./sim_memory.ts";
import { SimMessages } from "./sim_messages.ts";
import { SimNetwork } from "./sim_network.ts";

const ENOTSOCK = 88;
const FIRST_FD = 3;

export interface SimKernelOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Default 64 MiB; untouched pages cost nothing. */
  readonly slabBytes?: number;
  /** Addresses of the machine besides loopback. Default 192.0.2.53 and 2001:db8::53. */
  readonly addresses?: readonly string[];
  /** RLIMIT_NOFILE. Default 65,536. */
  readonly descriptorsMax?: number;
  /** Bytes that a TCP socket takes before it says EAGAIN. Default 128 KiB. */
  readonly tcpSendBytes?: number;
  /** Bytes that wait unread at a TCP socket. Default 128 KiB. */
  readonly tcpReceiveBytes?: number;
}

/** Names of the calls, for `calls` and `failNext`. */
export type CallName = Exclude<keyof Kernel, "slab" | "pointer" | "monotonicMs" | "wallMs">;

export class SimSystem {
  readonly slab: Slab;
  readonly clock = new SimClock();
  readonly network: SimNetwork;
  readonly prng: Prng;
  /** No sleep goes beyond this moment of the clock. Default never. */
  horizonMs = Number.POSITIVE_INFINITY;
  /** Sleeps that the horizon has cut short: the caller had nothing left to do before it. */
  horizonCount = 0;
  /** How often each call was made. */
  readonly calls = new Map<CallName, number>();
  protected readonly memory: SimMemory;
  protected readonly messages: SimMessages;
  protected readonly files: (SimFile | undefined)[] = [];
  readonly #descriptorsMax: number;
  readonly #faults = new Map<CallName, number[]>();
  #openCount = 0;

  constructor(options: SimKernelOptions = {}) {
    this.prng = new Prng(options.seed ?? 1);
    this.memory = new SimMemory(options.slabBytes ?? 64 * 1024 * 1024);
    this.slab = this.memory.slab;
    this.#descriptorsMax = options.descriptorsMax ?? 65_536;
    this.network = new SimNetwork(this.clock, this.prng, {
      addresses: options.addresses ?? ["192.0.2.53", "2001:db8::53"],
      tcpSendBytes: options.tcpSendBytes ?? 128 * 1024,
      tcpReceiveBytes: options.tcpReceiveBytes ?? 128 * 1024,
    });
    this.messages = new SimMessages(this.memory, this.network);
  }

  /** Makes the next `times` calls of `name` fail with `errno` (positive). */
  failNext(name: CallName, errno: number, times = 1): void {
    const queue = this.#faults.get(name) ?? [];
    for (let time = 0; time < times; time++) queue.push(-errno);
    this.#faults.set(name, queue);
  }

  /** Takes back what `failNext` has ordered and no call has met yet. */
  failNoMore(): void {
    this.#faults.clear();
  }

  /** Descriptors that are open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Writes to a broken connection without MSG_NOSIGNAL. */
  get sigpipeCount(): number {
    return this.messages.sigpipeCount;
  }

  /** Runs `body` as one system call: due events first, an injected failure in its place. */
  protected call(name: CallName, body: () => number): number {
    this.clock.runDue();
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    const fault = this.#faults.get(name)?.shift();
    if (fault !== undefined) return fault;
    try {
      return body();
    } catch (error) {
      if (error instanceof SimFault) return error.code;
      throw error;
    }
  }

  /** Waits until `count()` is above 0, the time-out or the horizon. */
  protected sleep(timeoutMs: number, count: () => number): number {
    const { clock } = this;
    const untilMs = timeoutMs < 0 ? Number.POSITIVE_INFINITY : clock.nowMs + timeoutMs;
    for (;;) {
      const ready = count();
      if (ready > 0 || timeoutMs === 0) return ready;
      const nextMs = Math.min(clock.nextMs, untilMs);
      if (nextMs > this.horizonMs) {
        clock.advanceTo(this.horizonMs);
        this.horizonCount += 1;
        return count();
      }
      if (nextMs === Number.POSITIVE_INFINITY) {
        throw new Error("Cannot sleep: nothing will ever happen");
      }
      clock.advanceTo(nextMs);
      if (nextMs === untilMs) return count();
    }
  }

  protected get isFull(): boolean {
    return this.#openCount >= this.#descriptorsMax;
  }

  /** Puts `file` at the lowest free number, as POSIX demands. */
  protected open(file: SimFile): number {
    if (this.isFull) return -EMFILE;
    let fd = FIRST_FD;
    while (this.files[fd] !== undefined) fd++;
    this.files[fd] = file;
    this.#openCount += 1;
    return fd;
  }

  protected file(fd: number): SimFile {
    const file = this.files[fd];
    if (file === undefined) throw new SimFault(EBADF);
    return file;
  }

  protected socketFile(fd: number): UdpFile | TcpFile {
    const file = this.file(fd);
    if (file instanceof UdpFile || file instanceof TcpFile) return file;
    throw new SimFault(ENOTSOCK);
  }

  protected epoll(fd: number): EpollFile {
    const file = this.file(fd);
    if (file instanceof EpollFile) return file;
    throw new SimFault(EINVAL);
  }

  /** Frees the number `fd` and takes it out of every epoll instance. */
  protected release(fd: number): void {
    this.files[fd] = undefined;
    this.#openCount -= 1;
    for (const other of this.files) {
      if (other instanceof EpollFile) other.interests.delete(fd);
    }
  }
}
