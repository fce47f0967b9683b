/**
 * System calls that only the control plane makes: devices, and the clock that all processes share.
 * They are seldom, so arguments are plain values here, and a call may allocate.
 */

import type { NativeLibrary } from "./ffi_kernel.ts";
import type { Kernel } from "./kernel.ts";
import {
  AT_FDCWD,
  CLOCK_MONOTONIC,
  O_CLOEXEC,
  S_IFCHR,
  SYS_MKNODAT,
  TIMESPEC_NANOSECONDS,
} from "./layout.ts";

/** Room for an argument: PATH_MAX of Linux, the final zero included. */
const SCRATCH_BYTES = 4096;

/** Every call answers as those of `Kernel` do: >= 0, or a negated error number. */
export interface ControlKernel extends Kernel {
  /** open(2), always with O_CLOEXEC: no program that we start may hold what we hold. */
  open(path: string, flags: number): number;
  /** ioctl(2), which may change `argument`; null where that is the number 0. */
  ioctl(fd: number, request: number, argument: Uint8Array | null): number;
  /** mknod(2) of a character device, for its owner only. */
  makeCharacterDevice(path: string, major: number, minor: number): number;
  /** Microseconds of CLOCK_MONOTONIC, which is the same in all processes of this machine. */
  bootMonotonicUs(): bigint;
}

export function createControlKernel(library: NativeLibrary, kernel: Kernel): ControlKernel {
  const { functions: native, errno, slab } = library;
  const scratch = slab.carve(SCRATCH_BYTES);
  const scratchPointer = library.pointer(scratch);
  const answer = (result: number): number => (result >= 0 ? result : -errno[0]!);
  const setPath = (text: string) => {
    const bytes = new TextEncoder().encode(`${text}\0`);
    if (bytes.length > SCRATCH_BYTES) throw new RangeError(`Cannot use ${text}: it is too long`);
    slab.bytes.set(bytes, scratch);
  };
  return {
    ...kernel,
    open: (text, flags) => {
      setPath(text);
      return answer(native.open(scratchPointer, flags | O_CLOEXEC));
    },
    ioctl: (fd, request, argument) => {
      if (argument === null) return answer(native.ioctl(fd, request, library.nullPointer));
      slab.bytes.set(argument, scratch);
      const code = answer(native.ioctl(fd, request, scratchPointer));
      argument.set(slab.bytes.subarray(scratch, scratch + argument.length));
      return code;
    },
    makeCharacterDevice: (text, major, minor) => {
      setPath(text);
      // Linux packs small numbers as 12 bits of major above 8 bits of minor (makedev(3)).
      const device = (major << 8) | minor;
      return answer(native.syscall(SYS_MKNODAT, AT_FDCWD, scratchPointer, S_IFCHR | 0o600, device));
    },
    bootMonotonicUs: () => {
      native.clock_gettime(CLOCK_MONOTONIC, scratchPointer);
      const seconds = slab.view.getBigInt64(scratch, true);
      const nanoseconds = slab.view.getBigInt64(scratch + TIMESPEC_NANOSECONDS, true);
      return seconds * 1_000_000n + nanoseconds / 1000n;
    },
  };
}
