// Hot path.
/**
 * `Kernel` over functions loaded by a runtime's FFI: the same code for Node and Deno, which differ
 * only in how functions, pointers and `errno` are had (see `ffi_node.ts`, `ffi_deno.ts`).
 */

import { randomFillSync } from "node:crypto";
import type { NativeFunctions } from "./ffi_symbols.ts";
import { readFileMappings } from "./file_pages.ts";
import type { Kernel, Pointer } from "./kernel.ts";
import {
  AF_UNIX,
  EPOLL_EVENT_BYTES,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SYS_GETTID,
} from "./layout.ts";
import type { Slab } from "./slab.ts";

const EPOLL_CLOEXEC = SOCK_CLOEXEC;
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
/** The largest page of arm64 is a whole number of those of x86-64: good for both. */
const PAGE_BYTES = 65_536n;
const PAIR_TYPE = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const EFD_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK;

export interface NativeLibrary {
  /** What the runtime calls the library: kept, for nothing promises that functions keep it. */
  readonly handle: unknown;
  readonly functions: NativeFunctions;
  /**
   * The calling thread's errno, as memory: a load and no call, so nothing can change it between.
   */
  readonly errno: Int32Array;
  readonly slab: Slab;
  readonly nullPointer: unknown;
  pointer(offset: number): Pointer;
  /** Where other memory than the slab begins. */
  addressOf(memory: SharedArrayBuffer): bigint;
  pointerTo(address: bigint): Pointer;
}

/**
 * Wraps `library`. Each thread needs its own, because `errno` belongs to a thread.
 *
 * Cold: at start; the closures that it makes are the hot path.
 *
 * @param originMs what `monotonicMs` counts from, as a `performance.timeOrigin`: the same in all
 * threads of a process.
 * @param descriptors a byte per descriptor, 1 while it is open; those beyond its end are not noted.
 * @throws {Error} when the layout of `epoll_event` is not that of this machine.
 */
export function createFfiKernel(
  library: NativeLibrary,
  originMs: number,
  descriptors: Uint8Array<ArrayBufferLike>,
): Kernel {
  const { functions: native, errno, slab, nullPointer } = library;
  // A thread's performance.now() starts at 0 with the thread; entries in the cache outlive threads.
  const sinceOriginMs = performance.timeOrigin - originMs;
  const answer = (result: number): number => (result >= 0 ? result : -errno[0]!);
  const opened = (fd: number): number => {
    if (fd < 0) return -errno[0]!;
    descriptors[fd] = 1;
    return fd;
  };
  const kernel: Kernel = {
    slab,
    library,
    pointer: (offset) => library.pointer(offset),
    monotonicMs: () => performance.now() + sinceOriginMs,
    wallMs: () => Date.now(),
    randomBytes: (target) => void randomFillSync(target),
    poll: (descriptors, count, timeoutMs) => answer(native.poll(descriptors, count, timeoutMs)),
    recvmsg: (fd, header, flags) => answer(native.recvmsg(fd, header, flags)),
    sendmsg: (fd, header, flags) => answer(native.sendmsg(fd, header, flags)),
    recvmmsg: (fd, headers, count, flags) =>
      answer(native.recvmmsg(fd, headers, count, flags, nullPointer)),
    sendmmsg: (fd, headers, count, flags) => answer(native.sendmmsg(fd, headers, count, flags)),
    epollCreate: () => opened(native.epoll_create1(EPOLL_CLOEXEC)),
    epollCtl: (epoll, operation, fd, event) =>
      answer(native.epoll_ctl(epoll, operation, fd, event)),
    epollWait: (epoll, events, count, timeoutMs) =>
      answer(native.epoll_wait(epoll, events, count, timeoutMs)),
    eventfd: () => opened(native.eventfd(0, EFD_FLAGS)),
    read: (fd, buffer, lengthBytes) => answer(native.read(fd, buffer, lengthBytes)),
    write: (fd, buffer, lengthBytes) => answer(native.write(fd, buffer, lengthBytes)),
    socket: (family, type, protocol) => opened(native.socket(family, type, protocol)),
    socketPair: (offset) => {
      const code = answer(native.socketpair(AF_UNIX, PAIR_TYPE, 0, library.pointer(offset)));
      if (code >= 0) descriptors[slab.words[offset >> 2]!] = 1;
      return code;
    },
    bind: (fd, address, lengthBytes) => answer(native.bind(fd, address, lengthBytes)),
    connect: (fd, address, lengthBytes) => answer(native.connect(fd, address, lengthBytes)),
    listen: (fd, backlog) => answer(native.listen(fd, backlog)),
    accept4: (fd, address, length, flags) => opened(native.accept4(fd, address, length, flags)),
    getsockname: (fd, address, length) => answer(native.getsockname(fd, address, length)),
    setsockopt: (fd, level, name, value, length) =>
      answer(native.setsockopt(fd, level, name, value, length)),
    getsockopt: (fd, level, name, value, length) =>
      answer(native.getsockopt(fd, level, name, value, length)),
    shutdown: (fd, how) => answer(native.shutdown(fd, how)),
    close: (fd) => {
      descriptors[fd] = 0;
      return answer(native.close(fd));
    },
    gettid: () => answer(native.syscall(SYS_GETTID, 0, nullPointer, 0, 0)),
    trimHeap: () => void native.malloc_trim(0),
    dropFilePages: () => dropFilePages(library),
    adviseHugePages: (memory) => adviseHugePages(library, memory),
  };
  assertEpollLayout(kernel);
  return kernel;
}

/** Cold: once, after start. Advice that is not taken costs nothing. */
function dropFilePages(library: NativeLibrary): void {
  for (const { start, lengthBytes } of readFileMappings()) {
    library.functions.madvise(library.pointerTo(start), lengthBytes, MADV_DONTNEED);
  }
}

/** Cold: at start. Only whole pages can be advised. */
function adviseHugePages(library: NativeLibrary, memory: SharedArrayBuffer): void {
  const address = library.addressOf(memory);
  const start = (address + PAGE_BYTES - 1n) & -PAGE_BYTES;
  const lengthBytes = Number((address + BigInt(memory.byteLength) - start) & -PAGE_BYTES);
  library.functions.madvise(library.pointerTo(start), lengthBytes, MADV_HUGEPAGE);
}

/** Registers an eventfd under a known number and reads it back: a wrong layout cannot pass. */
function assertEpollLayout(kernel: Kernel): void {
  const { slab } = kernel;
  const EVENT_TAG = 0x5eed;
  const events = slab.carve(2 * EPOLL_EVENT_BYTES);
  const one = slab.carve(8);
  const epoll = kernel.epollCreate();
  const fd = kernel.eventfd();
  slab.words[events >> 2] = 1;
  slab.view.setUint32(events + EPOLL_EVENT_BYTES - 8, EVENT_TAG, true);
  slab.view.setUint32(events + EPOLL_EVENT_BYTES - 4, 0, true);
  kernel.epollCtl(epoll, 1, fd, kernel.pointer(events));
  slab.bytes[one] = 1;
  kernel.write(fd, kernel.pointer(one), 8);
  slab.bytes.fill(0, events, events + 2 * EPOLL_EVENT_BYTES);
  const count = kernel.epollWait(epoll, kernel.pointer(events), 2, 0);
  const tag = slab.view.getUint32(events + EPOLL_EVENT_BYTES - 8, true);
  kernel.close(fd);
  kernel.close(epoll);
  if (count !== 1 || tag !== EVENT_TAG) {
    throw new Error("Cannot use epoll: struct epoll_event is laid out in a way not known here");
  }
}
