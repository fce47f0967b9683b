/**
 * Where queries for an address go while it is not ours, when nobody else would answer them: to DNS
 * servers that answer the cluster's names.
 *
 * Only endpoints will do. A packet passes one DNAT per connection and hook, so that one which is
 * sent to the address of a Service would not be sent on by kube-proxy.
 */

import { canonicalIpAddress, formatEndpoint } from "../std/ip_address.ts";
import type { Commands } from "../sys/commands.ts";
import { type KubeProxy, readKubeProxy } from "./proxy_mode.ts";
import { type Endpoint, type Family, familyOfAddress, type InterceptSettings } from "./settings.ts";

export type FallbackSource = "flag" | "service" | "kube-proxy" | "upstream";

export interface Fallback {
  /** Only addresses that get one; their endpoints are of the same family, 1 to 8, sorted. */
  readonly endpointsByAddress: ReadonlyMap<string, readonly Endpoint[]>;
  /** The first that gave endpoints; null when none did. */
  readonly source: FallbackSource | null;
  /** What was found wanting and what the operator can do, as sentences. */
  readonly notes: readonly string[];
}

export interface FallbackOptions {
  readonly settings: Pick<InterceptSettings, "addresses" | "fallback" | "fallbackService">;
  /** Upstreams of the cluster's zones, never those of `.` (cluster_upstreams.ts). */
  readonly clusterUpstreams: readonly Endpoint[];
  readonly commands: Commands;
  readonly readFile: (path: string) => string | null;
  /** IPv4 and IPv6 addresses of a name. It may reject, and limits its own time. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

/** Rules are chosen from by chance one after the other: more are slower and no safer. */
const ENDPOINTS_MAX = 8;
const DNS_PORT = 53;
const FAMILIES: readonly Family[] = [4, 6];
const WAY_OUT = "name DNS servers with -fallback ADDRESS:PORT";

/** Finds where each address leads that needs it. Never rejects. */
export async function findFallback(options: FallbackOptions): Promise<Fallback> {
  const { settings } = options;
  const proxy = await readKubeProxy(options);
  const wanted = settings.addresses.filter((address) => needsFallback(address, proxy, settings));
  const endpointsByAddress = new Map<string, readonly Endpoint[]>();
  const notes: string[] = [];
  if (wanted.length === 0) return { endpointsByAddress, source: null, notes };
  const found = await findEndpoints(options, proxy, notes);
  const sources: FallbackSource[] = [];
  for (const family of FAMILIES) {
    const addresses = wanted.filter((address) => familyOfAddress(address) === family);
    const first = found.find(({ endpoints }) => chooseEndpoints(endpoints, family).length > 0);
    if (addresses.length === 0) continue;
    if (first === undefined) {
      notes.push(describeNone(addresses, family, found));
      continue;
    }
    sources.push(first.source);
    const endpoints = chooseEndpoints(first.endpoints, family);
    for (const address of addresses) endpointsByAddress.set(address, endpoints);
  }
  if (endpointsByAddress.size < wanted.length) notes.push(...proxy.problems);
  const source = found.find((candidate) => sources.includes(candidate.source))?.source ?? null;
  return { endpointsByAddress, source, notes };
}

/** Whether an address is link-local: no Service can have it. */
export function isLinkLocal(address: string): boolean {
  return address.includes(":")
    ? /^fe[89ab][0-9a-f]:/.test(address)
    : address.startsWith("169.254.");
}

/** An address that kube-proxy serves goes to the Service by itself. */
function needsFallback(
  address: string,
  { modes, services }: KubeProxy,
  { fallback }: FallbackOptions["settings"],
): boolean {
  if (isLinkLocal(address)) return true;
  return (modes.length > 0 || fallback.length > 0) && !services.addresses.has(address);
}

interface Found {
  readonly source: FallbackSource;
  readonly endpoints: readonly Endpoint[];
}

/** All that is known, in the order in which it is believed. */
async function findEndpoints(
  options: FallbackOptions,
  proxy: KubeProxy,
  notes: string[],
): Promise<Found[]> {
  const { settings, clusterUpstreams } = options;
  const keep = (endpoints: readonly Endpoint[], what: string) =>
    endpoints.flatMap((endpoint) => usable(endpoint, { what, proxy, settings, notes }));
  const found: Found[] = [{ source: "flag", endpoints: keep(settings.fallback, "-fallback") }];
  // Who is named is meant: what else there is need not be good, and nobody hears of it.
  if (hasAll(found, settings.addresses)) return found;
  const servers = await lookUpService(options, notes);
  found.push({ source: "service", endpoints: keep(servers, "-fallbacksvc") });
  if (hasAll(found, settings.addresses)) return found;
  const isService = ({ address }: Endpoint) => proxy.services.addresses.has(address);
  const services = keep(clusterUpstreams.filter(isService), "upstream");
  found.push({ source: "kube-proxy", endpoints: services });
  const others = clusterUpstreams.filter((upstream) => !isService(upstream));
  if (proxy.modes.length > 0 || !proxy.isNode) {
    found.push({ source: "upstream", endpoints: keep(others, "upstream") });
  } else if (others.length > 0) {
    notes.push(describeUnknown(others));
  }
  return found;
}

/** Whether there are endpoints for each family of `addresses`. */
function hasAll(found: readonly Found[], addresses: readonly string[]): boolean {
  const families = new Set(addresses.map(familyOfAddress));
  return [...families].every((family) =>
    found.some(({ endpoints }) => chooseEndpoints(endpoints, family).length > 0),
  );
}

async function lookUpService(options: FallbackOptions, notes: string[]): Promise<Endpoint[]> {
  const name = options.settings.fallbackService;
  if (name === null) return [];
  let texts: readonly string[] = [];
  let why = "it has no addresses";
  try {
    texts = await options.resolve(name);
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  const addresses = texts.map(canonicalIpAddress).filter((address) => address !== null);
  if (addresses.length === 0) {
    notes.push(`Cannot find the servers of ${name}: ${why}: see that it is a headless Service`);
  }
  return addresses.map((address) => ({ address, port: DNS_PORT }));
}

interface Context {
  /** Who named the endpoint. */
  readonly what: string;
  readonly proxy: KubeProxy;
  readonly settings: FallbackOptions["settings"];
  readonly notes: string[];
}

/**
 * An endpoint as it can be used: a Service by its endpoints, others unchanged, none if unusable.
 */
function usable(endpoint: Endpoint, { what, proxy, settings, notes }: Context): Endpoint[] {
  const { address, port } = endpoint;
  const isOurs = (candidate: Endpoint) => settings.addresses.includes(candidate.address);
  const why = isOurs(endpoint) ? "it is an address of ours" : whyUnreachable(address);
  const skip = (problem: string) => {
    notes.push(`Cannot use ${what} ${formatEndpoint(address, port)} as fallback: ${problem}`);
    return [];
  };
  if (why !== null) return skip(why);
  if (!proxy.services.addresses.has(address)) return [endpoint];
  const udp = proxy.services.endpointsOf(address, "udp", port);
  const tcp = proxy.services.endpointsOf(address, "tcp", port);
  const both = udp.filter((one) => tcp.some((other) => isSame(one, other)));
  const endpoints = [both, udp, tcp].find((list) => list.length > 0) ?? [];
  const good = endpoints.filter((one) => !isOurs(one) && whyUnreachable(one.address) === null);
  return good.length > 0 ? [...good] : skip("it is a Service without endpoints");
}

/** Why nobody but this machine itself can be sent there; null when anybody can. */
function whyUnreachable(address: string): string | null {
  if (/^(?:127\.|0\.|::1$|::$)/.test(address)) return "only this machine itself can be sent there";
  return /^fe[89ab]/.test(address) ? "it is link-local" : null;
}

function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.address === other.address && one.port === other.port;
}

/** Always the same for the same endpoints: rules change only when they must. */
function chooseEndpoints(endpoints: readonly Endpoint[], family: Family): Endpoint[] {
  const byKey = new Map(
    endpoints
      .filter(({ address }) => familyOfAddress(address) === family)
      .map(({ address, port }) => [formatEndpoint(address, port), { address, port }] as const),
  );
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.slice(0, ENDPOINTS_MAX).map(([, endpoint]) => endpoint);
}

function describeUnknown(upstreams: readonly Endpoint[]): string {
  const names = upstreams.map(({ address, port }) => formatEndpoint(address, port)).join(", ");
  const problem = "no rules of kube-proxy can be seen on this node";
  return `Cannot tell whether ${names} is a Service or a DNS server: ${problem}: ${WAY_OUT}`;
}

function describeNone(
  addresses: readonly string[],
  family: Family,
  found: readonly Found[],
): string {
  const isOther = found.some(({ endpoints }) => endpoints.length > 0);
  const problem = isOther ? `no DNS server has an IPv${family} address` : "no DNS server is known";
  return (
    `Cannot set up a fallback for ${addresses.join(", ")}: ${problem}, so that nobody answers ` +
    `there when this process is gone: ${WAY_OUT}`
  );
}
