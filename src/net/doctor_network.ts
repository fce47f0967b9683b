/** Checks of the node's network: its link, routing, connection tracking, kube-proxy, resolver. */

import { canonicalIpAddress } from "../std/ip_address.ts";
import {
  bad,
  type Facts,
  type Finding,
  good,
  isRoot,
  note,
  readValue,
  type Subject,
} from "./doctor_facts.ts";
import { isLinkLocal } from "./fallback.ts";
import { ipvsConflicts, readKubeProxy } from "./proxy_mode.ts";

/** Shares of the table of connections at which to speak up. */
const CONNTRACK_NOTE = 0.75;
const CONNTRACK_BAD = 0.95;

/** Whether the name of our link is free, ours, or somebody's. */
export async function checkLink(facts: Facts, { interfaceName }: Subject): Promise<Finding[]> {
  const what = "link";
  const args = ["-j", "-d", "link", "show", "dev", interfaceName];
  const { code, stdout, stderr } = await facts.commands.run("ip", args);
  if (code === 127) {
    return [bad(what, "the program ip is not installed", "install the package iproute2")];
  }
  if (code !== 0 && !/does not exist/.test(stderr)) {
    return [note(what, `cannot be looked at: ${stderr.trim()}`, "see what the command says")];
  }
  const kind = code === 0 ? kindOf(stdout) : null;
  if (kind === null) return [good(what, `${interfaceName} is not there yet`)];
  if (kind === "tun") return [good(what, `${interfaceName} is held by an instance of nodens`)];
  if (kind === "dummy" || kind === "bridge") {
    const fix = `nodens takes it over; when neither runs: ip link delete ${interfaceName}`;
    return [note(what, `${interfaceName} is a ${kind}, of nodens or left by node-cache`, fix)];
  }
  const found = `${interfaceName} is in use by somebody else (${kind || "no virtual link"})`;
  return [bad(what, found, "choose another name with -interfacename")];
}

/** Strict filtering does no harm: queries and answers of a client go by one link. */
export function checkReversePath(facts: Facts): Finding[] {
  const what = "rp_filter";
  const value = readValue(facts, "/proc/sys/net/ipv4/conf/all/rp_filter");
  const names: Readonly<Record<string, string>> = { 0: "off", 1: "strict", 2: "loose" };
  if (value === null) return [note(what, "cannot be read", "see that /proc/sys is mounted")];
  if (names[value] === undefined) {
    return [note(what, `has the value ${value}`, "sysctl -w net.ipv4.conf.all.rp_filter=1")];
  }
  return [good(what, `${value} (${names[value]})`)];
}

/** Pods' queries pass through the node when they are not for us. */
export function checkForwarding(facts: Facts, { addresses }: Subject): Finding[] {
  const wanted = [
    { name: "net.ipv4.ip_forward", isWanted: addresses.some((address) => !address.includes(":")) },
    {
      name: "net.ipv6.conf.all.forwarding",
      isWanted: addresses.some((address) => address.includes(":")),
    },
  ];
  // Without any address the usual one is meant.
  const chosen = wanted.filter(({ isWanted }, index) =>
    addresses.length === 0 ? index === 0 : isWanted,
  );
  return chosen.map(({ name }) => {
    const value = readValue(facts, `/proc/sys/${name.replaceAll(".", "/")}`);
    if (value === null) return note(name, "cannot be read", "see that /proc/sys is mounted");
    if (value !== "0") return good(name, "is on");
    return note(name, "is off: pods reach no other DNS when nodens is gone", `sysctl -w ${name}=1`);
  });
}

/** A full table loses new connections, kube-dns's among them; inserts fail in a race of two. */
export function checkConntrack(facts: Facts): Finding[] {
  const what = "conntrack";
  const count = readValue(facts, "/proc/sys/net/netfilter/nf_conntrack_count");
  const limit = readValue(facts, "/proc/sys/net/netfilter/nf_conntrack_max");
  if (count === null || limit === null) return [good(what, "is not in use in this kernel")];
  const share = Number(count) / Math.max(1, Number(limit));
  const found = `${count} of ${limit} connections`;
  const fix = `sysctl -w net.netfilter.nf_conntrack_max=${2 * Number(limit)}`;
  const findings = [
    share >= CONNTRACK_BAD
      ? bad(what, `${found}: new ones are lost`, fix)
      : share >= CONNTRACK_NOTE
        ? note(what, found, fix)
        : good(what, found),
  ];
  const failed = sumOf(facts.readFile("/proc/net/stat/nf_conntrack") ?? "", "insert_failed");
  if (failed > 0) {
    const text = `${failed} failed since the node started, such as lost queries for A and AAAA`;
    const why = "interception keeps DNS out of the table; see whether the number still rises";
    findings.push(note("insert_failed", text, why));
  }
  return findings;
}

export async function checkKubeProxy(facts: Facts, { addresses }: Subject): Promise<Finding[]> {
  const what = "kube-proxy";
  const { modes, services, isNode, problems, traces } = await readKubeProxy(facts);
  const findings: Finding[] = [];
  if (problems.length > 0) {
    const fix = isRoot(facts) ? "see what the command says" : "run this as root";
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    findings.push(note(what, `not all of it can be seen: ${problems[0]}${more}`, fix));
  }
  const conflicts = ipvsConflicts(addresses, traces.ipJson);
  for (const { address, problem, wayOut } of conflicts) {
    findings.push(bad(what, `${address} cannot be intercepted: ${problem}`, wayOut));
  }
  if (modes.length === 0) {
    if (!isNode && problems.length > 0) return findings;
    if (!isNode) return [...findings, good(what, "none, and no node of Kubernetes")];
    const fix = "with Cilium in its place, see the manual page on interception";
    return [...findings, note(what, "none can be seen on this node of Kubernetes", fix)];
  }
  const text = `mode ${modes[0]}, ${services.addresses.size} addresses of Services`;
  findings.push(good(what, text));
  if (modes.length > 1) {
    const fix = "when the mode was changed: kube-proxy --cleanup, or restart the node";
    findings.push(note(what, `leaves rules of mode ${modes.slice(1).join(", ")}, too`, fix));
  }
  const held = conflicts.map(({ address }) => address);
  const isKnown = (address: string) =>
    isLinkLocal(address) || services.addresses.has(address) || held.includes(address);
  for (const address of addresses.filter((candidate) => !isKnown(candidate))) {
    const fix = "see that it is the address of the cluster's DNS, or name servers with -fallback";
    findings.push(note(what, `no Service has the address ${address}`, fix));
  }
  return findings;
}

/** The node's own resolver. */
export function checkResolver(facts: Facts, { addresses }: Subject): Finding[] {
  const what = "resolv.conf";
  const text = facts.readFile("/etc/resolv.conf");
  if (text === null) return [note(what, "cannot be read", "see that /etc/resolv.conf is there")];
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server);
  const ours = servers.filter((server) => addresses.includes(canonicalIpAddress(server) ?? ""));
  // nodens leaves itself out of a file that names others, too.
  if (ours.length < servers.length || servers.length === 0) {
    return [good(what, `asks ${servers.join(", ") || "nobody"}`)];
  }
  const found = `asks ${ours.join(", ")}, an address of -localip`;
  const fix = "in the Corefile name servers in place of: forward . /etc/resolv.conf";
  return [note(what, found, fix)];
}

/** Empty for a link without kind, such as a network card. */
function kindOf(json: string): string | null {
  try {
    const [link] = JSON.parse(json) as { linkinfo?: { info_kind?: string } }[];
    return link === undefined ? null : (link.linkinfo?.info_kind ?? "");
  } catch {
    return null;
  }
}

/** A column of hexadecimal numbers, one line per processor. */
function sumOf(text: string, column: string): number {
  const [head = "", ...lines] = text.trim().split("\n");
  const at = head.trim().split(/\s+/).indexOf(column);
  if (at < 0) return 0;
  const values = lines.map((line) => Number.parseInt(line.trim().split(/\s+/)[at] ?? "0", 16));
  return values.reduce((sum, value) => sum + value, 0);
}
