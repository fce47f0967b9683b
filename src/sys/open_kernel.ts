/** The real kernel of the runtime that runs us. */

import { type ControlKernel, createControlKernel } from "./control_kernel.ts";
import { loadDenoLibrary } from "./ffi_deno.ts";
import { createFfiKernel, type NativeLibrary } from "./ffi_kernel.ts";
import { loadNodeLibrary } from "./ffi_node.ts";
import type { Kernel } from "./kernel.ts";
import { runtimeName } from "./runtime.ts";

/** Buffers of a few netlink sockets; pages that are not touched cost nothing. */
const CONTROL_SLAB_BYTES = 2 * 1024 * 1024;

/**
 * Opens the system-call border for the calling thread, with a slab of `slabBytes` bytes of its own.
 * Pages of the slab cost memory only once touched.
 *
 * @param originMs what the clock counts from; threads that share a cache share it. Default: this
 * thread's own start.
 * @param descriptors where open descriptors are noted, a byte each: a thread that ends by force
 * leaves them open. Default: nowhere.
 *
 * @throws {Error} when the runtime has no FFI or the machine's struct layouts are not known.
 */
export function openKernel(
  slabBytes: number,
  originMs = performance.timeOrigin,
  descriptors: Uint8Array<ArrayBufferLike> = new Uint8Array(),
): Kernel {
  return createFfiKernel(loadLibrary(slabBytes), originMs, descriptors);
}

/** As `openKernel`, for the control plane: few calls, and others than workers make. */
export function openControlKernel(slabBytes = CONTROL_SLAB_BYTES): ControlKernel {
  const library = loadLibrary(slabBytes);
  return createControlKernel(
    library,
    createFfiKernel(library, performance.timeOrigin, new Uint8Array()),
  );
}

function loadLibrary(slabBytes: number): NativeLibrary {
  return runtimeName() === "deno" ? loadDenoLibrary(slabBytes) : loadNodeLibrary(slabBytes);
}
