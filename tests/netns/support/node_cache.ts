/**
 * Stands in for node-cache, in namespace `node`: `node_cache.ts ADDRESSES`. It does to the node
 * what node-cache does, in its order, and answers every name with A 192.0.2.100, as node-cache
 * would, which asks the upstream.
 *
 * - A link `nodelocaldns` with the addresses (a bridge: there may be no dummy), down.
 * - Twelve rules for each address, at the heads of their chains, one call of iptables each.
 * - DNS sockets with SO_REUSEPORT, :9353 without.
 * - SIGTERM: rules away, one by one, then the link, then the sockets. SIGKILL: all of it stays.
 *
 * It writes "ready" when it serves.
 */

import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import process from "node:process";
import { encodeAnswer, MessageReader, questionOf, withLength } from "./dns_wire.ts";

const LINK = "nodelocaldns";
const DNS_PORT = 53;
const HEALTH_PORT = 8080;
const METRICS_PORT = 9353;
const TTL_SEC = 30;
const ANSWER = Buffer.from([192, 0, 2, 100]);

async function main(addresses: readonly string[]): Promise<void> {
  command("ip", "link", "add", LINK, "type", "bridge");
  for (const address of addresses) {
    command("ip", "addr", "add", `${address}/${address.includes(":") ? 128 : 32}`, "dev", LINK);
  }
  const sockets = await Promise.all(addresses.map(listen));
  // Goes without where somebody else has the port, as node-cache does.
  const metrics = createHttpServer((_, response) => response.end());
  metrics.on("error", () => {});
  metrics.listen(METRICS_PORT);
  const rules = addresses.flatMap(rulesOf);
  for (const [program, table, chain, ...words] of rules) {
    command(program!, "-w", "5", "-t", table!, "-I", chain!, ...words);
  }
  process.once("SIGTERM", () => {
    for (const [program, table, chain, ...words] of rules) {
      command(program!, "-w", "5", "-t", table!, "-D", chain!, ...words);
    }
    command("ip", "link", "del", LINK);
    for (const { udp, tcp } of sockets) {
      udp.close();
      tcp.close();
    }
    process.exit(0);
  });
  process.stdout.write("ready\n");
}

/** Program, table, chain and the rest of each. */
function rulesOf(address: string): string[][] {
  const program = address.includes(":") ? "ip6tables" : "iptables";
  const skip = ["-m", "comment", "--comment", "NodeLocal DNS Cache: skip conntrack"];
  const allow = ["-m", "comment", "--comment", "NodeLocal DNS Cache: allow DNS traffic"];
  const both = (table: string, chain: string, words: readonly string[], end: readonly string[]) =>
    ["tcp", "udp"].map((protocol) => [program, table, chain, "-p", protocol, ...words, ...end]);
  const towards = ["-d", address, "--dport", `${DNS_PORT}`];
  const back = ["-s", address, "--sport", `${DNS_PORT}`];
  const notrack = ["-j", "NOTRACK", ...skip];
  const accept = ["-j", "ACCEPT", ...allow];
  const health = (words: readonly string[]) => both("raw", "OUTPUT", words, notrack)[0]!;
  return [
    ...both("raw", "PREROUTING", towards, notrack),
    ...both("filter", "INPUT", towards, accept),
    ...both("raw", "OUTPUT", back, notrack),
    ...both("filter", "OUTPUT", back, accept),
    ...both("raw", "OUTPUT", towards, notrack),
    health(["-d", address, "--dport", `${HEALTH_PORT}`]),
    health(["-s", address, "--sport", `${HEALTH_PORT}`]),
  ];
}

async function listen(address: string): Promise<{ udp: Socket; tcp: Server }> {
  const type = address.includes(":") ? "udp6" : "udp4";
  const udp = createSocket({ type, reusePort: true });
  udp.on("message", (query, { address: client, port }) => {
    const answer = answerTo(query);
    if (answer !== null) udp.send(answer, port, client, () => {});
  });
  udp.bind(DNS_PORT, address);
  const tcp = createServer({ noDelay: true }, (connection) => {
    const reader = new MessageReader();
    connection.on("error", () => connection.destroy());
    connection.on("data", (piece) => {
      for (const query of reader.push(piece as Buffer)) {
        const answer = answerTo(query);
        if (answer !== null) connection.write(withLength(answer));
      }
    });
  });
  tcp.listen({ port: DNS_PORT, host: address, reusePort: true });
  await Promise.all([once(udp, "listening"), once(tcp, "listening")]);
  return { udp, tcp };
}

function answerTo(query: Buffer): Buffer | null {
  const question = questionOf(query);
  return question === null
    ? null
    : encodeAnswer(query, question, { data: ANSWER, ttlSec: TTL_SEC });
}

function command(program: string, ...words: string[]): void {
  execFileSync(program, words, { stdio: ["ignore", "ignore", "inherit"] });
}

if (import.meta.main) await main((process.argv[2] ?? "").split(","));
