/**
 * How kube-proxy works on this node, and which Services it knows, from what it has told the kernel.
 *
 * It cannot be asked: it may be called otherwise, run elsewhere, or be part of another program. So
 * its traces are read: iptables chains, an nftables table, IPVS and the link that goes with it.
 */

import { canonicalIpAddress } from "../std/ip_address.ts";
import type { CommandResult, Commands } from "../sys/commands.ts";
import type { Machine } from "./iptables_backend.ts";
import {
  parseIptablesServices,
  parseIpvsServices,
  parseNftServices,
  Services,
} from "./kube_proxy.ts";
import { savedTables } from "./saved_tables.ts";
import type { Family } from "./settings.ts";

export type ProxyMode = "iptables" | "nftables" | "ipvs";

/** What can be seen of kube-proxy. */
export interface ProxyTraces {
  /** Texts of `iptables-save`, of every table, family and backend that could be read. */
  readonly saved: readonly string[];
  /** Texts of `nft -j list table ip kube-proxy` and `ip6`, where there is one. */
  readonly nft: readonly string[];
  /** Text of /proc/net/ip_vs; empty where the kernel has none. */
  readonly ipvs: string;
  /** What `ip -j address` printed. */
  readonly ipJson: string;
}

export interface KubeProxy {
  /** Empty when none was seen. Leftovers of an earlier mode may stand beside the present one. */
  readonly modes: readonly ProxyMode[];
  readonly services: Services;
  readonly traces: ProxyTraces;
  /** Whether this is a node of Kubernetes: then Services are served by somebody. */
  readonly isNode: boolean;
  /** What could not be looked at, as sentences. */
  readonly problems: readonly string[];
}

export interface IpvsConflict {
  readonly address: string;
  readonly problem: string;
  readonly wayOut: string;
  /** All of it in one sentence, for the operator. */
  readonly message: string;
}

/** Holds every ClusterIP in IPVS mode. */
export const IPVS_LINK = "kube-ipvs0";
const FAMILIES: readonly Family[] = [4, 6];
const NO_SUCH_TABLE = /No such file or directory/;

/** The modes that `traces` show, the most telling first. */
export function proxyModes(traces: ProxyTraces): ProxyMode[] {
  const modes: ProxyMode[] = [];
  const chains = traces.saved.filter((text) => /^:KUBE-SERVICES /m.test(text));
  const leadsOn = chains.some((text) => /^(?:\[.*\] )?-A KUBE-SERVICES .*-j KUBE-SVC-/m.test(text));
  const hasIpvs = /^(?:TCP|UDP|SCTP) /m.test(traces.ipvs);
  // Others use IPVS too; in that mode kube-proxy's own chain matches sets and leads to no Service.
  const isIpvs = linkAddresses(traces.ipJson).size > 0 || (hasIpvs && chains.length > 0);
  if (isIpvs && !leadsOn) modes.push("ipvs");
  if (traces.nft.length > 0) modes.push("nftables");
  if (leadsOn || (chains.length > 0 && modes.length === 0)) modes.push("iptables");
  if (isIpvs && leadsOn) modes.push("ipvs");
  return modes;
}

/**
 * Which of `addresses` kube-proxy holds itself, in IPVS mode. Such an address is local already, on
 * a link that is not ours: queries for it meet IPVS before any socket.
 *
 * @param ipJson what `ip -j address` printed.
 */
export function ipvsConflicts(addresses: readonly string[], ipJson: string): IpvsConflict[] {
  const held = linkAddresses(ipJson);
  return addresses.filter((address) => held.has(address)).map(describeConflict);
}

/** The same of a machine; costs next to nothing where kube-proxy has no such link. */
export async function findIpvsConflicts(
  addresses: readonly string[],
  { commands, readFile }: Machine,
): Promise<IpvsConflict[]> {
  if (readFile("/proc/net/dev")?.includes(`${IPVS_LINK}:`) !== true) return [];
  const { stdout } = await commands.run("ip", ["-j", "address"]);
  return ipvsConflicts(addresses, stdout);
}

/** Reads what kube-proxy has set up. Never throws. */
export async function readKubeProxy(machine: Machine): Promise<KubeProxy> {
  const { commands } = machine;
  const problems: string[] = [];
  const [nat, filter, nft, addresses] = await Promise.all([
    savedTables(machine, "nat"),
    savedTables(machine, "filter"),
    Promise.all(FAMILIES.map((family) => readNftTable(commands, family))),
    commands.run("ip", ["-j", "address"]),
  ]);
  for (const { problem } of [...nat, ...filter, ...nft]) {
    if (problem !== null && !problems.includes(problem)) problems.push(problem);
  }
  if (addresses.code !== 0) problems.push(cannotRead("addresses", "ip -j address", addresses));
  const traces: ProxyTraces = {
    saved: [...nat, ...filter].map(({ text }) => text),
    nft: nft.map(({ text }) => text).filter((text) => text !== ""),
    ipvs: machine.readFile("/proc/net/ip_vs") ?? "",
    ipJson: addresses.stdout,
  };
  const modes = proxyModes(traces);
  return {
    modes,
    traces,
    services: servicesOf(traces, modes),
    isNode: modes.length > 0 || hasKubelet(machine, traces.saved),
    problems,
  };
}

/** Modes in turn: where two know a port, the more telling one is believed. */
function servicesOf(traces: ProxyTraces, modes: readonly ProxyMode[]): Services {
  const services = new Services();
  for (const mode of modes) {
    const read = {
      iptables: () => traces.saved.map(parseIptablesServices),
      nftables: () => traces.nft.map(parseNftServices),
      ipvs: () => [parseIpvsServices(traces.ipvs)],
    }[mode];
    for (const found of read()) services.addAll(found);
  }
  return services;
}

interface NftTable {
  /** Empty when there is no such table. */
  readonly text: string;
  readonly problem: string | null;
}

async function readNftTable(commands: Commands, family: Family): Promise<NftTable> {
  if (!commands.has("nft")) return { text: "", problem: null };
  const args = ["-j", "list", "table", family === 4 ? "ip" : "ip6", "kube-proxy"];
  const result = await commands.run("nft", args);
  if (result.code === 0) return { text: result.stdout, problem: null };
  if (NO_SUCH_TABLE.test(result.stderr)) return { text: "", problem: null };
  const what = "the nftables table of kube-proxy";
  return { text: "", problem: cannotRead(what, `nft ${args.join(" ")}`, result) };
}

function cannotRead(what: string, command: string, result: CommandResult): string {
  const line = result.stderr.trim().split("\n")[0];
  const why = result.timedOut ? "it took too long" : line || `it ended with ${result.code}`;
  return `Cannot read ${what}: ${command}: ${why}`;
}

function hasKubelet(machine: Machine, saved: readonly string[]): boolean {
  return (
    saved.some((text) => /^:KUBE-(?:KUBELET-CANARY|IPTABLES-HINT) /m.test(text)) ||
    (machine.readFile("/proc/self/environ") ?? "").includes("KUBERNETES_SERVICE_HOST=") ||
    machine.readFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace") !== null ||
    machine.readFile("/var/lib/kubelet/config.yaml") !== null
  );
}

function linkAddresses(ipJson: string): Set<string> {
  const held = new Set<string>();
  let links: unknown = null;
  try {
    links = JSON.parse(ipJson);
  } catch {
    return held;
  }
  if (!Array.isArray(links)) return held;
  for (const link of links) {
    const { ifname, addr_info: infos } = (link ?? {}) as { ifname?: unknown; addr_info?: unknown };
    if (ifname !== IPVS_LINK || !Array.isArray(infos)) continue;
    for (const info of infos) {
      const { local } = (info ?? {}) as { local?: unknown };
      const address = typeof local === "string" ? canonicalIpAddress(local) : null;
      // Every link of IPv6 has one such address of its own.
      if (address !== null && !address.startsWith("fe80:")) held.add(address);
    }
  }
  return held;
}

function describeConflict(address: string): IpvsConflict {
  const other = address.includes(":") ? "fd00:169:254::10" : "169.254.20.10";
  const problem = `kube-proxy runs in IPVS mode and holds it on ${IPVS_LINK}`;
  const wayOut = `use -localip ${other} and set the kubelet's clusterDNS (--cluster-dns) to it`;
  return {
    ...{ address, problem, wayOut },
    message: `Cannot intercept ${address}: ${problem}: ${wayOut}`,
  };
}
