import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slab } from "./slab.ts";

test("carve() gives out aligned pieces that do not overlap", () => {
  const piece = fc.tuple(fc.nat(100), fc.constantFrom(1, 4, 8, 64, 4096));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const slab = new Slab(new SharedArrayBuffer(256 * 1024), 0n);
      let end = 0;
      for (const [length, align] of pieces) {
        const offset = slab.carve(length, align);
        assert.equal(offset % align, 0);
        assert.ok(offset >= end, "pieces overlap");
        end = offset + length;
        assert.equal(slab.usedBytes, end);
      }
    }),
  );
});

test("carve() aligns to 8 bytes by default and throws RangeError beyond the end", () => {
  const slab = new Slab(new SharedArrayBuffer(64), 0n);
  assert.equal(slab.carve(3), 0);
  assert.equal(slab.carve(8), 8);
  assert.throws(() => slab.carve(49), {
    name: "RangeError",
    message: "Cannot carve 49 bytes: 16 of 64 are taken",
  });
  assert.equal(slab.carve(48), 16);
});

test("writeAddress() stores base plus offset, also across 4 GiB", () => {
  for (const base of [0n, 0x1000n, 0x7fff_ffff_0000n, 0x7f00_ffff_fff0n, 0xffff_fff8n]) {
    const slab = new Slab(new SharedArrayBuffer(4096), base);
    for (const offset of [0, 8, 16, 2040]) {
      slab.writeAddress(64, offset);
      assert.equal(slab.view.getBigUint64(64, true), base + BigInt(offset));
      assert.equal(slab.addressOf(offset), base + BigInt(offset));
    }
  }
});
