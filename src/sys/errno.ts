/**
 * Error numbers of Linux (asm-generic/errno.h), the same on x86-64 and arm64, by name.
 *
 * System calls answer a negated number (`-EAGAIN`), as the kernel itself does; `errnoName` is for
 * people.
 */

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EPIPE = 32;
export const EPROTO = 71;
export const EMSGSIZE = 90;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

const NAMES = new Map<number, readonly [name: string, meaning: string]>([
  [EPERM, ["EPERM", "operation not permitted"]],
  [ENOENT, ["ENOENT", "no such file"]],
  [EINTR, ["EINTR", "interrupted"]],
  [EIO, ["EIO", "input/output error"]],
  [ENXIO, ["ENXIO", "no such device or address"]],
  [E2BIG, ["E2BIG", "too many"]],
  [EBADF, ["EBADF", "bad file descriptor"]],
  [EAGAIN, ["EAGAIN", "try again"]],
  [ENOMEM, ["ENOMEM", "out of memory"]],
  [EACCES, ["EACCES", "permission denied"]],
  [EFAULT, ["EFAULT", "bad address"]],
  [EBUSY, ["EBUSY", "in use"]],
  [EEXIST, ["EEXIST", "it exists already"]],
  [ENODEV, ["ENODEV", "no such device"]],
  [EINVAL, ["EINVAL", "invalid argument"]],
  [ENFILE, ["ENFILE", "too many open files in the system"]],
  [EMFILE, ["EMFILE", "too many open files in the process"]],
  [EPIPE, ["EPIPE", "broken pipe"]],
  [EPROTO, ["EPROTO", "protocol error"]],
  [EMSGSIZE, ["EMSGSIZE", "message too long"]],
  [EOPNOTSUPP, ["EOPNOTSUPP", "not supported"]],
  [EAFNOSUPPORT, ["EAFNOSUPPORT", "address family not supported"]],
  [EADDRINUSE, ["EADDRINUSE", "address already in use"]],
  [EADDRNOTAVAIL, ["EADDRNOTAVAIL", "address not available on this machine"]],
  [ENETDOWN, ["ENETDOWN", "network is down"]],
  [ENETUNREACH, ["ENETUNREACH", "network is unreachable"]],
  [ECONNABORTED, ["ECONNABORTED", "connection aborted"]],
  [ECONNRESET, ["ECONNRESET", "connection reset by peer"]],
  [ENOBUFS, ["ENOBUFS", "no buffer space"]],
  [ENOTCONN, ["ENOTCONN", "not connected"]],
  [ETIMEDOUT, ["ETIMEDOUT", "timed out"]],
  [ECONNREFUSED, ["ECONNREFUSED", "connection refused"]],
  [EHOSTDOWN, ["EHOSTDOWN", "host is down"]],
  [EHOSTUNREACH, ["EHOSTUNREACH", "no route to host"]],
  [EINPROGRESS, ["EINPROGRESS", "in progress"]],
]);

/** `EADDRINUSE` for 98 (or -98); `errno 4242` for a number that has no name here. */
export function errnoName(code: number): string {
  return NAMES.get(Math.abs(code))?.[0] ?? `errno ${Math.abs(code)}`;
}

/** `address already in use (EADDRINUSE)` for 98 or -98. */
export function errnoText(code: number): string {
  const known = NAMES.get(Math.abs(code));
  return known === undefined ? errnoName(code) : `${known[1]} (${known[0]})`;
}

/** What the operator can do about it, for the errors that a wrong set-up brings; "" otherwise. */
export function errnoAdvice(code: number): string {
  switch (Math.abs(code)) {
    case EADDRINUSE:
      return 'stop what listens there ("ss -lnp" shows it), or choose another port or address';
    case EADDRNOTAVAIL:
      return '"bind" one that "ip address" shows';
    case EACCES:
    case EPERM:
      return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case EMFILE:
      return "raise the limit of open files";
    default:
      return "";
  }
}

/** An unexpected failure of a system call on a path where there is nothing to try instead. */
export class SysError extends Error {
  override readonly name = "SysError";
  /** Positive error number. */
  readonly errno: number;
  readonly code: string;

  /** @param action what was tried, as in `bind UDP 127.0.0.1:53`. */
  constructor(action: string, errno: number) {
    const advice = errnoAdvice(errno);
    super(`Cannot ${action}: ${errnoText(errno)}${advice === "" ? "" : `: ${advice}`}`);
    this.errno = Math.abs(errno);
    this.code = errnoName(errno);
  }
}
