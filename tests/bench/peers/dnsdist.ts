/** dnsdist as a caching forwarder: one listener, one backend, one packet cache. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer, PeerOptions } from "./peer.ts";

/** About what one small answer takes in its packet cache, for a budget in bytes. */
const ENTRY_BYTES = 600;

export const dnsdist: Peer = { id: "dnsdist", version, command, cannot: {}, answersByName: true };

function version(): string | null {
  const { stdout } = spawnSync("dnsdist", ["--version"], { encoding: "utf8" });
  return /^dnsdist (\S+)/m.exec(stdout ?? "")?.[1] ?? null;
}

function command(options: PeerOptions): string[] {
  const path = join(options.directory, "dnsdist.lua");
  const entries = Math.max(1000, Math.floor(options.cacheBytes / ENTRY_BYTES));
  writeFileSync(
    path,
    `setSecurityPollSuffix("")
setLocal("127.0.0.1:${options.port}", {doTCP = true, reusePort = false})
newServer({address = "127.0.0.1:${options.upstreamPort}"}):setUp()
setMaxTCPClientThreads(1)
setMaxUDPOutstanding(65535)
getPool(""):setCache(newPacketCache(${entries}, {maxTTL = 86400, minTTL = 0, numberOfShards = 1}))
`,
  );
  return ["dnsdist", "--supervised", "--disable-syslog", "-C", path];
}
