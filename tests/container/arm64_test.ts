/** The image for arm64 is built here and started once, by qemu: its calls to the kernel, too. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { listTree, unexpectedFiles } from "../../build/image_contents.ts";
import { VERSION } from "../../src/version.ts";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { freePort } from "../support/free_port.ts";
import { startNodens, writeCorefile } from "../support/nodens_process.ts";
import { builtArchive, readArchive, unpack } from "./support/image.ts";

const skip = process.arch === "x64" ? false : "only where arm64 is another machine's";

test("the image for arm64 holds the same, and answers queries under qemu", {
  skip,
}, async (context) => {
  const archive = await builtArchive("arm64");
  const image = readArchive(archive);
  const rootfs = unpack(archive, image);
  assert.equal(image.config.architecture, "arm64");
  assert.deepEqual(unexpectedFiles(listTree(rootfs)), []);
  const inImage = (path: string) => ["qemu-aarch64-static", "-L", rootfs, join(rootfs, path)];
  for (const [path, word, expected] of [
    ["nodens", "version", `nodens ${VERSION} `],
    ["usr/bin/ip", "-V", "ip utility"],
    ["usr/sbin/ip6tables-legacy", "-V", "ip6tables v"],
  ] as const) {
    const [program = "", ...words] = inImage(path);
    const text = execFileSync(program, [...words, word], { encoding: "utf8", stdio: "pipe" });
    assert.ok(text.includes(expected), `${path}: ${text}`);
  }

  const upstreamPort = await freePort();
  const port = await freePort();
  const flags = ["-metrics-listen-address", "0"];
  const upstream = writeCorefile(
    `.:${upstreamPort} {\n bind 127.0.0.1\n hosts {\n 192.0.2.77 a.example.org\n }\n}\n`,
  );
  const corefile = writeCorefile(
    `.:${port} {\n bind 127.0.0.1\n cache\n forward . 127.0.0.1:${upstreamPort}\n}\n`,
  );
  const native = await startNodens(["-conf", upstream.file, ...flags], upstreamPort);
  cleanUp(context, () => native.stop());
  const emulated = await startNodens(["-conf", corefile.file, ...flags], port, inImage("nodens"));
  cleanUp(context, () => emulated.stop());
  for (const transport of ["udp", "tcp"] as const) {
    const answer = await ask(port, "a.example.org", "A", { transport });
    assert.equal(answer.answers?.[0]?.name, "a.example.org", transport);
  }
});
