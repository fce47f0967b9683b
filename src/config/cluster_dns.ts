/**
 * Addresses of the cluster's DNS, for `__PILLAR__CLUSTER__DNS__`.
 *
 * They are in the environment, where the kubelet writes the addresses of Services. Where they are
 * not (`enableServiceLinks: false`, another namespace) DNS is asked by the resolv.conf of this
 * machine, then both again for a Service named `coredns`.
 */

import { canonicalIpAddress } from "../std/ip_address.ts";
import type { ConfigSource } from "./source.ts";

const NAMESPACE = "kube-system";
/** The Service's other name, in clusters that have no kube-dns. */
const SECOND_SERVICE = "coredns";
export const CLUSTER_DOMAIN_DEFAULT = "cluster.local";
/** `forward` takes no more. */
const ADDRESSES_MAX = 15;
const LOOKUP_TIMEOUT_MS = 1_000;
const LOOKUP_TRIES = 2;
const RESOLV_CONF = "/etc/resolv.conf";

/** Addresses of a name; empty when there are none, for whatever reason. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export interface ClusterDnsQuestion {
  readonly service: string;
  readonly source: ConfigSource;
  /** Ours, or about to be: an answer with them would lead in a circle. */
  readonly ownAddresses: readonly string[];
  readonly lookUp?: Lookup;
}

export interface ClusterDnsResult {
  /** Canonical; empty when there are none. */
  readonly addresses: readonly string[];
  /** What is worth knowing, or why there are none; empty when all is as it should be. */
  readonly remark: string;
}

export async function findClusterDns(question: ClusterDnsQuestion): Promise<ClusterDnsResult> {
  const { service, source, ownAddresses, lookUp = await systemLookup() } = question;
  const domain = clusterDomain(source) ?? CLUSTER_DOMAIN_DEFAULT;
  const variable = serviceVariable(service);
  const remark = variableProblem(variable, source);
  for (const name of new Set([service, SECOND_SERVICE])) {
    const address = canonicalIpAddress(source.environment(serviceVariable(name)) ?? "");
    if (address !== null) {
      const found = `${remark}: ${address} of ${serviceVariable(name)} is used`;
      return { addresses: [address], remark: name === service ? "" : found };
    }
    const names = [`${name}.${NAMESPACE}.svc.${domain}`, `${name}.${NAMESPACE}.svc`];
    const answers = await Promise.all(names.map((one) => lookUp(one)));
    for (const [index, answer] of answers.entries()) {
      const addresses = usable(answer, ownAddresses);
      if (addresses.length === 0) continue;
      const found = `${addresses.join(" ")} of ${names[index]} is used, as DNS has it`;
      return { addresses, remark: `${remark}: ${found}` };
    }
  }
  const tried = [...new Set([service, SECOND_SERVICE])].map((name) => `${name}.${NAMESPACE}`);
  const why = `DNS knows no Service ${tried.join(" or ")} with an address that is not ours`;
  const advice = `name the Service with -upstreamsvc, or set ${variable} to its address`;
  return { addresses: [], remark: `${remark}, and ${why}: ${advice}` };
}

/** `kube-dns-upstream` is in `KUBE_DNS_UPSTREAM_SERVICE_HOST`. */
export function serviceVariable(service: string): string {
  return `${service.toUpperCase().replaceAll("-", "_")}_SERVICE_HOST`;
}

/** The cluster's domain as the search list of resolv.conf has it; `null` outside a cluster. */
export function clusterDomain(source: ConfigSource): string | null {
  let text: string;
  try {
    text = source.readFile(RESOLV_CONF);
  } catch {
    return null;
  }
  let domain: string | null = null;
  for (const line of text.split("\n")) {
    const [keyword, ...names] = line.trim().split(/\s+/);
    if (keyword !== "search") continue;
    // The last list holds (resolv.conf(5)).
    const found = names.map((name) => /(?:^|\.)svc\.(.+?)\.?$/.exec(name)?.[1] ?? null);
    domain = found.find((name) => name !== null) ?? null;
  }
  return domain;
}

function variableProblem(variable: string, source: ConfigSource): string {
  const value = source.environment(variable);
  if (value === undefined) return `Environment variable "${variable}" is not set`;
  return `Environment variable "${variable}" is no IP address but "${value}"`;
}

function usable(answer: readonly string[], ownAddresses: readonly string[]): string[] {
  const addresses = answer.map((text) => canonicalIpAddress(text)).filter((text) => text !== null);
  const others = addresses.filter((address) => !ownAddresses.includes(address));
  return [...new Set(others)].sort().slice(0, ADDRESSES_MAX);
}

/**
 * Asks for IPv4, and for IPv6 where there is none; gives up after a few seconds.
 *
 * @param servers those of this machine's resolv.conf by default.
 */
export async function systemLookup(servers: readonly string[] = []): Promise<Lookup> {
  const { Resolver } = await import("node:dns/promises");
  const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS, tries: LOOKUP_TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  return async (name) => {
    const [ipv4, ipv6] = await Promise.allSettled([
      resolver.resolve4(name),
      resolver.resolve6(name),
    ]);
    if (ipv4.status === "fulfilled" && ipv4.value.length > 0) return ipv4.value;
    return ipv6.status === "fulfilled" ? ipv6.value : [];
  };
}
