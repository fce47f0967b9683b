/**
 * The C functions that both runtimes load from libc, in one table: name → [result, parameters].
 *
 * `p` is a pointer, `i` an int, `u` an unsigned int. Sizes (`size_t`, `nfds_t`) are declared as
 * unsigned ints: both calling conventions pass them in a full, zero-extended register, and a 64-bit
 * integer would be a BigInt on Node. Results of type ssize_t stay below 2^31 for the same reason.
 */

export const SYMBOLS = {
  poll: ["i", "pui"],
  recvmsg: ["i", "ipi"],
  sendmsg: ["i", "ipi"],
  recvmmsg: ["i", "ipuip"],
  sendmmsg: ["i", "ipui"],
  epoll_create1: ["i", "i"],
  epoll_ctl: ["i", "iiip"],
  epoll_wait: ["i", "ipii"],
  eventfd: ["i", "ui"],
  read: ["i", "ipu"],
  write: ["i", "ipu"],
  socket: ["i", "iii"],
  socketpair: ["i", "iiip"],
  bind: ["i", "ipu"],
  connect: ["i", "ipu"],
  listen: ["i", "ii"],
  accept4: ["i", "ippi"],
  getsockname: ["i", "ipp"],
  setsockopt: ["i", "iiipu"],
  getsockopt: ["i", "iiipp"],
  shutdown: ["i", "ii"],
  close: ["i", "i"],
  malloc_trim: ["i", "u"],
  madvise: ["i", "pui"],
  clock_gettime: ["i", "ip"],
  // Variadic in C; on x86-64 and arm64 integers and pointers are passed the same way all the same.
  open: ["i", "pi"],
  ioctl: ["i", "iup"],
  // For calls that libc has functions for only since 2.30 (gettid) and 2.33 (mknodat).
  syscall: ["i", "iipuu"],
} as const;

export type SymbolName = keyof typeof SYMBOLS;

/** A loaded function: integers and pointers in, an integer out. `Kernel` is its typed face. */
// biome-ignore lint/suspicious/noExplicitAny: what a pointer is differs between the runtimes
export type NativeFunction = (...parameters: any[]) => number;

/** All functions of `SYMBOLS`, loaded. */
export type NativeFunctions = { readonly [name in SymbolName]: NativeFunction };

export const LIBC = "libc.so.6";
