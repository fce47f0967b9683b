/** What is to be seen from outside in namespace `node`: rules, links, addresses, routes, flows. */

import { readFileSync } from "node:fs";
import process from "node:process";
import { enter, type PlaceNames, run } from "./namespaces.ts";
import { UPSTREAM_ENDPOINTS, UPSTREAM_IP } from "./places.ts";

export type Backend = "nft" | "legacy";

/** Tables that iptables-nft makes, in the words of `nft list tables`. */
const IPTABLES_TABLES = /^table ip6? (raw|mangle|nat|filter|security)$/;
const DNS_PORT = "53";

export class NodeState {
  readonly names: PlaceNames;
  /** Of kube-proxy. */
  readonly backend: Backend;
  /** Of iptables-legacy: programs that the laboratory starts take this one. */
  readonly lockFile: string;

  constructor(names: PlaceNames, backend: Backend) {
    this.names = names;
    this.backend = backend;
    this.lockFile = `/run/${names.node}.lock`;
  }

  /** Rules as `table chain…` lines in their order, without counters and what is empty. */
  async rules(family: 4 | 6, backend: Backend = this.backend): Promise<string[]> {
    return rulesOf(await this.#inNode(iptablesCommand(family, backend, "-save")));
  }

  /** Applies text of iptables-restore to what is there. */
  async restoreRules(family: 4 | 6, text: string, backend: Backend = this.backend): Promise<void> {
    const command = iptablesCommand(family, backend, "-restore");
    await this.#inNode(command, ["--noflush", "-w", "5"], text);
  }

  /** `NAME KIND FLAGS` for every link, sorted. */
  async links(): Promise<string[]> {
    const text = await this.#inNode("ip", ["-j", "-d", "link"]);
    const links = JSON.parse(text) as {
      ifname: string;
      flags: string[];
      linkinfo?: { info_kind?: string };
    }[];
    return links
      .map(({ ifname, flags, linkinfo }) => {
        return `${ifname} ${linkinfo?.info_kind ?? "-"} ${[...flags].sort().join(",")}`;
      })
      .sort();
  }

  /** `LINK ADDRESS/BITS scope SCOPE` for every address, sorted. */
  async addresses(): Promise<string[]> {
    const text = await this.#inNode("ip", ["-j", "addr"]);
    const links = JSON.parse(text) as {
      ifname: string;
      addr_info: { local: string; prefixlen: number; scope: string }[];
    }[];
    return links
      .flatMap(({ ifname, addr_info }) =>
        addr_info.map((one) => `${ifname} ${one.local}/${one.prefixlen} scope ${one.scope}`),
      )
      .sort();
  }

  /** Routes of all tables or of one, sorted. */
  async routes(table = "all"): Promise<string[]> {
    const texts = [
      await this.#inNode("ip", ["-4", "route", "show", "table", table]),
      await this.#inNode("ip", ["-6", "route", "show", "table", table]),
    ];
    return texts.flatMap(linesOf).sort();
  }

  /** nftables' tables that are not those of iptables, with their contents. */
  async nftTables(): Promise<string[]> {
    const tables = linesOf(await this.#inNode("nft", ["list", "tables"]));
    const texts: string[] = [];
    for (const table of tables.filter((one) => !IPTABLES_TABLES.test(one))) {
      texts.push(await this.#inNode("nft", ["-s", "list", ...table.split(" ")]));
    }
    return texts.flatMap(linesOf);
  }

  /**
   * DNS flows of clients that conntrack has: from or to port 53 of anything but the upstream
   * Service and its endpoints, which nodens asks.
   */
  async conntrack(): Promise<string[]> {
    const upstream = [UPSTREAM_IP, ...UPSTREAM_ENDPOINTS].flatMap((one) => [one[4], one[6]]);
    const entries: string[] = [];
    for (const family of ["ipv4", "ipv6"]) {
      entries.push(...linesOf(await this.#inNode("conntrack", ["-L", "-f", family])));
    }
    return entries.filter((entry) => {
      const of = (key: string) => new RegExp(`\\b${key}=(\\S+)`).exec(entry)?.[1] ?? "";
      if (of("sport") !== DNS_PORT && of("dport") !== DNS_PORT) return false;
      return !upstream.includes(of("dst")) && !upstream.includes(of("src"));
    });
  }

  /** Makes conntrack forget everything. */
  async flushConntrack(): Promise<void> {
    await this.#inNode("conntrack", ["-F"]);
  }

  /** All of it except flows, as text: two of these are equal when nothing has changed. */
  async snapshot(): Promise<string> {
    const parts: [string, string[]][] = [];
    for (const backend of ["nft", "legacy"] as const) {
      for (const family of [4, 6] as const) {
        parts.push([`rules ${backend} IPv${family}`, await this.rules(family, backend)]);
      }
    }
    parts.push(["nft", await this.nftTables()], ["links", await this.links()]);
    parts.push(["addresses", await this.addresses()], ["routes", await this.routes()]);
    return parts.map(([name, lines]) => `== ${name}\n${lines.join("\n")}\n`).join("");
  }

  async #inNode(command: string, args: readonly string[] = [], input = ""): Promise<string> {
    const [program = "", ...words] = enter(this.names.node);
    const env = { ...process.env, XTABLES_LOCKFILE: this.lockFile };
    return run([program, ...words, command, ...args], { input, env });
  }
}

/** Whether an address is local in the network namespace of a process. */
export function isLocal(pid: number, address: string): boolean {
  if (!address.includes(":")) {
    const text = readFileSync(`/proc/${pid}/net/fib_trie`, "utf8");
    return new RegExp(`\\|-- ${address.replaceAll(".", "\\.")}\\n\\s+/32 host LOCAL`).test(text);
  }
  return readFileSync(`/proc/${pid}/net/if_inet6`, "utf8").includes(hexOf(address));
}

/** The words of a set of iptables tables, each rule with its table. */
export function rulesOf(saved: string): string[] {
  const tables = new Map<string, string[]>();
  let table = "";
  for (const line of linesOf(saved)) {
    if (line.startsWith("*")) table = line.slice(1);
    const kept = keptLine(line);
    if (kept === null) continue;
    tables.set(table, [...(tables.get(table) ?? []), `${table} ${kept}`]);
  }
  return [...tables.keys()].sort().flatMap((name) => tables.get(name) ?? []);
}

export function iptablesCommand(
  family: 4 | 6,
  backend: Backend,
  suffix: "" | "-save" | "-restore",
): string {
  return `${family === 4 ? "iptables" : "ip6tables"}-${backend}${suffix}`;
}

/** A rule, a chain that somebody has made, or a policy that is not the usual one. */
function keptLine(line: string): string | null {
  const rule = /^(?:\[\d+:\d+\] )?(-.*)/.exec(line)?.[1];
  if (rule !== undefined) return rule;
  const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
  return chain === undefined || policy === "ACCEPT" ? null : `:${chain} ${policy}`;
}

/** The 32 digits of an IPv6 address. */
function hexOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => text.split(":").filter(Boolean);
  const missing = 8 - groups(head).length - groups(tail ?? "").length;
  const zeros = Array.from({ length: tail === undefined ? 0 : missing }, () => "0");
  return [...groups(head), ...zeros, ...groups(tail ?? "")]
    .map((group) => group.padStart(4, "0"))
    .join("");
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
