/** dnsmasq with 10,000 names, its usual upper limit. */
import { spawnSync } from "node:child_process";
import type { Peer, PeerOptions } from "./peer.ts";

const FEW_NAMES = "its cache is meant for 10,000 names";

export const dnsmasq: Peer = {
  id: "dnsmasq",
  version,
  command,
  answersByName: true,
  cannot: {
    scale: FEW_NAMES,
    memory: FEW_NAMES,
    tcp: "it forks for every TCP connection, 20 at most",
  },
};

function version(): string | null {
  const { stdout } = spawnSync("dnsmasq", ["--version"], { encoding: "utf8" });
  return /version (\S+)/.exec(stdout ?? "")?.[1] ?? null;
}

function command(options: PeerOptions): string[] {
  return [
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    `--port=${options.port}`,
    "--listen-address=127.0.0.1",
    "--bind-interfaces",
    "--no-resolv",
    "--no-hosts",
    `--server=127.0.0.1#${options.upstreamPort}`,
    "--cache-size=10000",
    "--dns-forward-max=4096",
    "--min-port=20000",
    "--user=root",
    "--pid-file=",
    "--log-facility=-",
  ];
}
