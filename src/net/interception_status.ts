/**
 * What there is of interception on a node, by what the kernel and iptables say: no process is
 * needed that runs, and none is asked.
 */

import { formatEndpoint } from "../std/ip_address.ts";
import { desiredRules } from "./desired_rules.ts";
import { Iptables } from "./iptables.ts";
import type { SavedRule } from "./iptables_text.ts";
import { findTables, type LeftoverRequest, type LeftoverTools } from "./leftovers.ts";
import { IPVS_LINK } from "./proxy_mode.ts";
import type { Link } from "./rtnetlink.ts";
import { type AddressRules, addressOf, reportRules } from "./rule_report.ts";
import { type Endpoint, familyOfAddress, type LeaseKind } from "./settings.ts";

export interface InterceptionStatus {
  /** Link that holds the addresses; null when there is none. */
  readonly link: { readonly name: string; readonly kind: string; readonly isUp: boolean } | null;
  /** null when no address is local. */
  readonly lease: LeaseKind | null;
  readonly addresses: readonly AddressStatus[];
}

export interface AddressStatus {
  readonly address: string;
  /** Whether the link holds it: then queries come to whoever listens there. */
  readonly isLocal: boolean;
  readonly wantedCount: number;
  readonly presentCount: number;
  /** Where queries lead while it is not local, as `address:port`. */
  readonly fallback: readonly string[];
  /**
   * What is not as it should be, each as a clause. Rules of an address that is not local are inert.
   */
  readonly drift: readonly string[];
}

/** @throws {NetError} when iptables cannot be read. */
export async function readStatus(
  request: LeftoverRequest,
  tools: LeftoverTools,
): Promise<InterceptionStatus> {
  const iptables = new Iptables({ machine: tools.machine });
  const [observed, tables] = await Promise.all([
    iptables.observe({ families: [4, 6], withNat: true }),
    findTables(tools.machine),
  ]);
  const named = observed.flatMap(({ words }) => addressOf(words) ?? []);
  const link = findHolder(request.interfaceName, named, tools.links);
  const local = new Set(
    link === null ? [] : tools.links.addresses(link.index).map(({ address }) => address),
  );
  const addresses = [...new Set([...request.addresses, ...local, ...named])];
  const isOwned = tables.some((table) => table.isOwned);
  const lease = local.size === 0 ? null : inferLease(link?.kind ?? "", isOwned, observed);
  const fallbacks = new Map(
    addresses.map((address) => [address, fallbackOf(address, observed)] as const),
  );
  const { port, healthPort } = request;
  const desired = desiredRules({ addresses, port, healthPort, fallbacks, lease: lease ?? "tun" });
  const reports = reportRules(desired, observed);
  return {
    link: link === null ? null : { name: link.name, kind: link.kind, isUp: link.isUp },
    lease,
    addresses: addresses.map((address) => {
      const report = reports.find((one) => one.address === address)!;
      const isLocal = local.has(address);
      return {
        address,
        isLocal,
        wantedCount: report.presentCount + report.missing.length,
        presentCount: report.presentCount,
        fallback: fallbacks.get(address)!.map((one) => formatEndpoint(one.address, one.port)),
        drift: isLocal ? driftOf(report) : [],
      };
    }),
  };
}

/**
 * The link of that name; where there is none, the one that holds an address of our rules. Manifests
 * and services name it otherwise than the default, and who asks need not know how.
 */
function findHolder(
  name: string,
  addresses: readonly string[],
  links: LeftoverTools["links"],
): Link | null {
  const named = links.findLink(name);
  if (named !== null) return named;
  const holder = links.addresses(0).find(({ address }) => addresses.includes(address));
  const link = holder === undefined ? null : links.findLink(holder.linkIndex);
  return link?.name === IPVS_LINK ? null : link;
}

function inferLease(linkKind: string, isOwned: boolean, rules: readonly SavedRule[]): LeaseKind {
  if (linkKind === "tun") return "tun";
  if (isOwned) return "nft";
  return rules.some(({ words }) => words.includes("socket")) ? "socket" : "none";
}

/** Endpoints of the DNAT rules that are there for `address`. */
function fallbackOf(address: string, observed: readonly SavedRule[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const { table, words } of observed) {
    if (table !== "nat" || addressOf(words) !== address) continue;
    const target = words[words.indexOf("--to-destination") + 1] ?? "";
    const match = /^\[?([^\]]+?)\]?:([0-9]+)$/.exec(target);
    if (match === null) continue;
    const endpoint = { address: match[1], port: Number(match[2]) };
    if (familyOfAddress(endpoint.address) === familyOfAddress(address)) found.set(target, endpoint);
  }
  return [...found.values()];
}

function driftOf({ missing, double, unwanted }: AddressRules): string[] {
  return [
    ...missing.map((rule) => `missing ${rule.table} ${rule.chain} ${rule.words.join(" ")}`),
    ...double.map((rule) => `double ${rule.table} ${rule.text}`),
    ...unwanted.map((rule) => `unwanted ${rule.table} ${rule.text}`),
  ];
}
