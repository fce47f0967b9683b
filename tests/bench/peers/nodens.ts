/** nodens itself: the built executable, or any command given by `--nodens`. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer, PeerOptions } from "./peer.ts";

const MIB = 1024 * 1024;

/**
 * Makes the peer.
 *
 * @param commandLine Program and first arguments, separated by spaces; no quoting.
 */
export function nodensPeer(commandLine: string): Peer {
  const words = commandLine.split(" ").filter((word) => word !== "");
  return {
    id: "nodens",
    version: () => versionOf(words),
    command: (options) => [...words, ...argumentsOf(options)],
    answersByName: true,
    cannot: {},
  };
}

function versionOf(words: string[]): string | null {
  const first = words[0];
  if (first === undefined || (first.includes("/") && !existsSync(first))) return null;
  const { stdout, status } = spawnSync(first, [...words.slice(1), "version"], {
    encoding: "utf8",
    timeout: 5000,
  });
  return status === 0 ? (stdout.split("\n")[0] ?? "").replace(/^nodens\s+/, "") : null;
}

function argumentsOf(options: PeerOptions): string[] {
  const path = join(options.directory, "Corefile");
  writeFileSync(
    path,
    `.:${options.port} {
    bind 127.0.0.1
    errors
    cache 3600 {
        success ${options.cacheNames * 2}
        denial 10000
    }
    forward . 127.0.0.1:${options.upstreamPort}
}
`,
  );
  const budget = `${Math.floor(options.cacheBytes / MIB)}M`;
  return ["-conf", path, "-dns.port", `${options.port}`, "-memory", budget];
}
