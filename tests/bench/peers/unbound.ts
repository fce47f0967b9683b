/** Unbound as a plain caching forwarder: one thread, iterator only, no DNSSEC validation. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer, PeerOptions } from "./peer.ts";
import { OUTGOING_PORTS_AVOIDED } from "./ports.ts";

/** Unbound's manual: the RRset cache should be twice the message cache. */
const MESSAGE_CACHE_PART = 1 / 3;

export const unbound: Peer = { id: "unbound", version, command, cannot: {}, answersByName: true };

function version(): string | null {
  const { stdout } = spawnSync("unbound", ["-V"], { encoding: "utf8" });
  return /^Version (\S+)/m.exec(stdout ?? "")?.[1] ?? null;
}

function command(options: PeerOptions): string[] {
  const path = join(options.directory, "unbound.conf");
  const messageBytes = Math.floor(options.cacheBytes * MESSAGE_CACHE_PART);
  writeFileSync(
    path,
    `server:
  interface: 127.0.0.1@${options.port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  so-reuseport: no
  module-config: "iterator"
  msg-cache-size: ${messageBytes}
  rrset-cache-size: ${options.cacheBytes - messageBytes}
  msg-cache-slabs: 1
  rrset-cache-slabs: 1
  infra-cache-slabs: 1
  incoming-num-tcp: 256
  outgoing-range: 8192
  num-queries-per-thread: 4096
  outgoing-port-avoid: "${OUTGOING_PORTS_AVOIDED}"
  do-not-query-localhost: no
  local-zone: "bench.zz." transparent
  unblock-lan-zones: yes
  qname-minimisation: no
  minimal-responses: yes
  chroot: ""
  username: ""
  directory: "${options.directory}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  do-daemonize: no
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${options.upstreamPort}
`,
  );
  return ["unbound", "-d", "-p", "-c", path];
}
