/**
 * nodens itself: the built executable, or any command given by `--nodens`. It takes part twice,
 * with a plain Corefile and, as `stock`, with what node-cache's manifests have: four blocks,
 * metrics.
 */
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
export function nodensPeer(commandLine: string, corefile = plainCorefile): Peer {
  const words = commandLine.split(" ").filter((word) => word !== "");
  return {
    id: corefile === plainCorefile ? "nodens" : "stock",
    version: () => versionOf(words),
    command: (options) => [...words, ...argumentsOf(options, corefile(options))],
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

function argumentsOf(options: PeerOptions, corefile: string): string[] {
  const path = join(options.directory, "Corefile");
  writeFileSync(path, corefile);
  const budget = `${Math.floor(options.cacheBytes / MIB)}M`;
  return ["-conf", path, "-dns.port", `${options.port}`, "-memory", budget];
}

function plainCorefile(options: PeerOptions): string {
  return `.:${options.port} {
    bind 127.0.0.1
    errors
    cache 3600 {
        success ${options.cacheNames * 2}
        denial 10000
    }
    forward . 127.0.0.1:${options.upstreamPort}
}
`;
}

/** As node-cache's, but for TTLs and capacities, which are the plain one's. */
export function stockCorefile(options: PeerOptions): string {
  const block = (zone: string, more: string) => `${zone}:${options.port} {
    errors
    cache 3600 {
        success ${options.cacheNames * 2}
        denial 10000
    }
    reload
    bind 127.0.0.1
    forward . 127.0.0.1:${options.upstreamPort} ${more}
    prometheus 127.0.0.1:0
}
`;
  const overTcp = "{\n        force_tcp\n    }";
  const reverse = block("in-addr.arpa", overTcp) + block("ip6.arpa", overTcp);
  return block("cluster.local", overTcp) + reverse + block(".", "");
}
