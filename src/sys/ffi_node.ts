/** Loads libc by `node:ffi` (Node 26 and later). */

import process from "node:process";
import type { NativeLibrary } from "./ffi_kernel.ts";
import { LIBC, type NativeFunctions, SYMBOLS } from "./ffi_symbols.ts";
import type { Pointer } from "./kernel.ts";
import { Slab } from "./slab.ts";

type NodeFfi = typeof import("node:ffi");

const TYPES = { i: "i32", u: "u32", p: "pointer" } as const;

/** @throws {Error} when this Node has no `node:ffi`. */
export function loadNodeLibrary(slabBytes: number): NativeLibrary {
  // Not imported by name: Deno, which reads this file too, has no such module.
  const ffi = process.getBuiltinModule("node:ffi") as NodeFfi | undefined;
  if (ffi === undefined) {
    throw new Error(`Cannot load node:ffi: Node 26 or later is needed, this is ${process.version}`);
  }
  const definitions: Record<string, { return: string; arguments: string[] }> = {
    __errno_location: { return: "pointer", arguments: [] },
  };
  for (const [name, [result, parameters]] of Object.entries(SYMBOLS)) {
    definitions[name] = {
      return: TYPES[result],
      arguments: [...parameters].map((letter) => TYPES[letter as keyof typeof TYPES]),
    };
  }
  const handle = ffi.dlopen(LIBC, definitions as Parameters<NodeFfi["dlopen"]>[1] & object);
  const loaded = handle.functions as unknown as NativeFunctions & { __errno_location(): bigint };
  const buffer = new SharedArrayBuffer(slabBytes);
  const slab = new Slab(buffer, ffi.getRawPointer(buffer as unknown as ArrayBuffer));
  return {
    handle,
    functions: loaded,
    errno: new Int32Array(ffi.toArrayBuffer(loaded.__errno_location(), 4, false)),
    slab,
    nullPointer: 0n,
    pointer: (offset) => slab.addressOf(offset) as unknown as Pointer,
    addressOf: (memory) => ffi.getRawPointer(memory as unknown as ArrayBuffer),
    pointerTo: (address) => address as unknown as Pointer,
  };
}
