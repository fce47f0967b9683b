import assert from "node:assert/strict";
import { test } from "node:test";
import { fileMappings, readFileMappings } from "./file_pages.ts";

const SMAPS = `00400000-0082e000 r--p 00000000 fe:00 10019426  /usr/bin/nodens
Rss:                3128 kB
Anonymous:             0 kB
0082e000-03489000 r-xp 0042e000 fe:00 10019426  /usr/bin/nodens
Anonymous:             0 kB
03489000-0348a000 r--p 03089000 fe:00 10019426  /usr/bin/nodens
Anonymous:             4 kB
0348a000-0348b000 rw-p 03089000 fe:00 10019426  /usr/bin/nodens
Anonymous:             0 kB
0348b000-0348c000 r--s 00000000 fe:00 77  /dev/shm/x
Anonymous:             0 kB
42ba3000-42eb5000 rw-p 00000000 00:00 0  [heap]
Anonymous:             0 kB
7ffd0000-7ffd2000 r-xp 00000000 00:00 0  [vdso]
Anonymous:             0 kB
`;

test("fileMappings() are private, read-only, of a file, and have no page of their own", () => {
  assert.deepEqual(fileMappings(SMAPS), [
    { start: 0x400000n, lengthBytes: 0x42e000 },
    { start: 0x82e000n, lengthBytes: 0x2c5b000 },
  ]);
});

test("readFileMappings() finds the runtime's own code", () => {
  const bytes = readFileMappings().reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  assert.ok(bytes > 10_000_000, `${bytes} bytes`);
});
