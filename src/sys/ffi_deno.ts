/** Loads libc by `Deno.dlopen` (Deno 2.9 and later, with `--allow-ffi`). */

import type { NativeLibrary } from "./ffi_kernel.ts";
import { LIBC, type NativeFunctions, SYMBOLS } from "./ffi_symbols.ts";
import type { Pointer } from "./kernel.ts";
import { Slab } from "./slab.ts";

/** The few members of the `Deno` global that are used, so that Node's type check needs no more. */
interface DenoFfi {
  dlopen(path: string, symbols: object): { symbols: Record<string, unknown> };
  UnsafePointer: {
    of(source: Uint8Array): object;
    value(pointer: object): number | bigint;
    create(address: bigint): object;
  };
  UnsafePointerView: { getArrayBuffer(pointer: object, length: number): ArrayBuffer };
}

const TYPES = { i: "i32", u: "u32", p: "pointer" } as const;

export function loadDenoLibrary(slabBytes: number): NativeLibrary {
  const deno = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  const definitions: Record<string, { result: string; parameters: string[] }> = {
    __errno_location: { result: "pointer", parameters: [] },
  };
  for (const [name, [result, parameters]] of Object.entries(SYMBOLS)) {
    definitions[name] = {
      result: TYPES[result],
      parameters: [...parameters].map((letter) => TYPES[letter as keyof typeof TYPES]),
    };
  }
  const handle = deno.dlopen(LIBC, definitions);
  const symbols = handle.symbols as unknown as NativeFunctions & {
    __errno_location(): object;
  };
  const buffer = new SharedArrayBuffer(slabBytes);
  const address = deno.UnsafePointer.value(deno.UnsafePointer.of(new Uint8Array(buffer)));
  const slab = new Slab(buffer, BigInt(address));
  return {
    handle,
    functions: symbols,
    errno: new Int32Array(deno.UnsafePointerView.getArrayBuffer(symbols.__errno_location(), 4)),
    slab,
    nullPointer: null,
    pointer: (offset) => deno.UnsafePointer.create(slab.addressOf(offset)) as unknown as Pointer,
    addressOf: (memory) =>
      BigInt(deno.UnsafePointer.value(deno.UnsafePointer.of(new Uint8Array(memory)))),
    pointerTo: (address) => deno.UnsafePointer.create(address) as unknown as Pointer,
  };
}
