/**
 * The system calls that the data plane makes, as an interface with two real implementations (Node
 * FFI, Deno FFI) and a simulated one for tests.
 *
 * Every call answers what the kernel answers: a value >= 0, or a negated error number (see
 * `errno.ts`). Nothing throws. Arguments that point to memory are `Pointer`s, taken once at set-up
 * by `pointer(offset)`; what varies from call to call goes through `iovec`s in the slab. That keeps
 * a call free of allocation, and with at most three arguments cheap on Node (about 50 ns beyond the
 * call itself; four and more cost 300-450 ns, see hack/decisions/0001-ffi-data-plane.md).
 */

import type { Slab } from "./slab.ts";

declare const pointerBrand: unique symbol;

/** An address in the slab in the form the runtime's FFI wants. Opaque. */
export type Pointer = { readonly [pointerBrand]: true };

export interface Kernel {
  /** The memory that all pointers point into. */
  readonly slab: Slab;

  /** What the calls are made through, if anything: kept so that it lives as long as they do. */
  readonly library?: unknown;

  /** The pointer for byte `offset` of the slab. Allocates: set-up only. */
  pointer(offset: number): Pointer;

  /** Milliseconds that never go back; 0 is arbitrary (CLOCK_MONOTONIC). */
  monotonicMs(): number;
  /** Milliseconds since 1970 (CLOCK_REALTIME). */
  wallMs(): number;
  /** Fills `target` from a cryptographic source. */
  randomBytes(target: Uint8Array): void;

  poll(descriptors: Pointer, count: number, timeoutMs: number): number;
  recvmsg(fd: number, header: Pointer, flags: number): number;
  sendmsg(fd: number, header: Pointer, flags: number): number;
  recvmmsg(fd: number, headers: Pointer, count: number, flags: number): number;
  sendmmsg(fd: number, headers: Pointer, count: number, flags: number): number;
  epollCreate(): number;
  epollCtl(epoll: number, operation: number, fd: number, event: Pointer): number;
  epollWait(epoll: number, events: Pointer, count: number, timeoutMs: number): number;
  eventfd(): number;
  read(fd: number, buffer: Pointer, lengthBytes: number): number;
  write(fd: number, buffer: Pointer, lengthBytes: number): number;

  socket(family: number, type: number, protocol: number): number;
  /**
   * Two non-blocking stream sockets that are connected with each other (socketpair(2)), written to
   * byte `offset` of the slab as two words. The second one is for another thread: it is not noted
   * as ours. Allocates: not per query.
   */
  socketPair(offset: number): number;
  bind(fd: number, address: Pointer, lengthBytes: number): number;
  connect(fd: number, address: Pointer, lengthBytes: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: Pointer, lengthBytes: Pointer, flags: number): number;
  getsockname(fd: number, address: Pointer, lengthBytes: Pointer): number;
  setsockopt(fd: number, level: number, name: number, value: Pointer, lengthBytes: number): number;
  getsockopt(fd: number, level: number, name: number, value: Pointer, length: Pointer): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;

  /** The calling thread, as /proc/self/task names it. */
  gettid(): number;

  /** Gives memory that libc holds for nobody back to the kernel (malloc_trim(3)). */
  trimHeap(): void;
  /** Gives up the pages of program files until they are needed again, see file_pages.ts. */
  dropFilePages(): void;
  /** Asks for 2 MiB pages where memory lies (madvise(2)): fewer translations to be looked up. */
  adviseHugePages(memory: SharedArrayBuffer): void;
}
