/**
 * What kube-proxy has told the kernel, read from the text that the kernel's tools print: which
 * Services there are, and which endpoints each leads to. Pure; who runs the tools is elsewhere.
 *
 * Whatever does not look as kube-proxy writes it is passed over: other programs and later versions
 * write there too, and a Service that is not found costs less than one that is wrong.
 */

import { canonicalIpAddress, formatEndpoint, parsePort } from "../std/ip_address.ts";
import type { Endpoint } from "./settings.ts";

/** The Services that a kube-proxy knows. Endpoints are looked up when they are asked for. */
export class Services {
  /** Addresses of Services, with and without endpoints; canonical. */
  readonly addresses = new Set<string>();
  readonly #starts = new Map<string, { graph: Graph; chain: string }>();

  /** Endpoints of one port of a Service, each once, in the order found; none when unknown. */
  endpointsOf(address: string, protocol: "udp" | "tcp", port: number): readonly Endpoint[] {
    const start = this.#starts.get(keyOf(address, protocol, port));
    return start === undefined ? [] : start.graph.endpointsFrom(start.chain);
  }

  /** Notes that packets for a port of a Service go to `chain` in `graph`. */
  add(address: string, port: { protocol: string; number: number }, graph: Graph, chain: string) {
    this.addresses.add(address);
    const key = keyOf(address, port.protocol, port.number);
    if (!this.#starts.has(key)) this.#starts.set(key, { graph, chain });
  }

  /** Takes over what `other` has and this has not. */
  addAll(other: Services): void {
    for (const address of other.addresses) this.addresses.add(address);
    for (const [key, start] of other.#starts) {
      const known = this.#starts.get(key);
      if (known === undefined || known.graph.endpointsFrom(known.chain).length === 0) {
        this.#starts.set(key, start);
      }
    }
  }
}

/** Chains, where each leads to, and the endpoints at their ends. */
class Graph {
  readonly #jumps = new Map<string, string[]>();
  /** As they are written. */
  readonly #endpoints = new Map<string, (() => Endpoint | null)[]>();

  addJump(chain: string, target: string): void {
    append(this.#jumps, chain, target);
  }

  addEndpoint(chain: string, read: () => Endpoint | null): void {
    append(this.#endpoints, chain, read);
  }

  /** Every endpoint that a packet may come to from `chain`; chains may lead in a circle. */
  endpointsFrom(chain: string): Endpoint[] {
    const seen = new Set([chain]);
    const found = new Map<string, Endpoint>();
    for (const current of seen) {
      for (const read of this.#endpoints.get(current) ?? []) {
        const endpoint = read();
        if (endpoint !== null) found.set(formatEndpoint(endpoint.address, endpoint.port), endpoint);
      }
      for (const target of this.#jumps.get(current) ?? []) seen.add(target);
    }
    return [...found.values()];
  }
}

/**
 * Services of the text of `iptables-save` or `ip6tables-save`, of either backend, with or without
 * counters. Of the filter table only the rules for Services without endpoints say something.
 */
export function parseIptablesServices(text: string): Services {
  const graph = new Graph();
  const services = new Services();
  for (let start = 0; start < text.length; ) {
    const end = lineEnd(text, start);
    const at = text[start] === "[" ? text.indexOf("] ", start) + 2 : start;
    // A node has ten thousands of lines: no regular expression looks at all of them.
    const space = text.lastIndexOf(" ", end - 1);
    if (text.startsWith("-A KUBE-", at) && space > at) {
      const chain = text.slice(at + 3, text.indexOf(" ", at + 3));
      if (chain === "KUBE-SERVICES" || chain === "KUBE-EXTERNAL-SERVICES") {
        addService(services, graph, withoutComment(text.slice(at, end)));
      } else if (
        text.startsWith(" -j KUBE-S", space - 3) ||
        text.startsWith(" -j KUBE-E", space - 3)
      ) {
        graph.addJump(chain, text.slice(space + 1, end));
      } else if (text.startsWith(TO_DESTINATION, space - TO_DESTINATION.length)) {
        const destination = text.slice(space + 1, end);
        graph.addEndpoint(chain, () => parseEndpoint(destination));
      }
    }
    start = end + 1;
  }
  return services;
}

/**
 * Services of what `nft -j list table ip kube-proxy` (or `ip6`) prints.
 *
 * kube-proxy has written two shapes: up to 1.35 a chain per endpoint that a verdict map chooses
 * from, and later one DNAT to a map of addresses and ports. Both are read, whatever else stands
 * with them in a chain.
 */
export function parseNftServices(json: string): Services {
  const graph = new Graph();
  const services = new Services();
  for (const object of nftObjects(json)) {
    const { rule, map, set } = object as Record<string, NftObject | undefined>;
    if (rule?.table === TABLE && Array.isArray(rule.expr)) {
      for (const statement of rule.expr) readStatement(graph, String(rule.chain), statement);
    } else if (
      map?.table === TABLE &&
      /^(?:service-ips|no-endpoint-services)$/.test(`${map.name}`)
    ) {
      for (const [key, verdict] of pairs(map.elem)) {
        addNftService(services, graph, unwrap(key), targetOf(verdict));
      }
    } else if (set?.table === TABLE && set.name === "cluster-ips" && Array.isArray(set.elem)) {
      for (const element of set.elem) {
        const address = canonicalOf(unwrap(element));
        if (address !== null) services.addresses.add(address);
      }
    }
  }
  return services;
}

/** Services of /proc/net/ip_vs. Endpoints with weight 0 are on their way out and left out. */
export function parseIpvsServices(text: string): Services {
  const graph = new Graph();
  const services = new Services();
  let chain = "";
  for (const line of text.split("\n")) {
    const head = /^(TCP|UDP|SCTP) +(\S+) /.exec(line);
    const tail = /^ +-> (\S+) +\S+ +([0-9]+) /.exec(line);
    if (head !== null) {
      const service = parseHexEndpoint(head[2]);
      chain = service === null ? "" : head[0];
      if (service === null) continue;
      const port = { protocol: head[1].toLowerCase(), number: service.port };
      services.add(service.address, port, graph, chain);
    } else if (tail === null) {
      // A Service of another kind: what follows it is not of the one before.
      chain = "";
    } else if (chain !== "" && Number(tail[2]) > 0) {
      graph.addEndpoint(chain, () => parseHexEndpoint(tail[1]));
    }
  }
  return services;
}

const TO_DESTINATION = " --to-destination";

function keyOf(address: string, protocol: string, port: number): string {
  return `${protocol} ${address} ${port}`;
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [value]);
  else known.push(value);
}

/** From a rule of the chain where all Services are. */
function addService(services: Services, graph: Graph, line: string): void {
  const address = addressOf(line);
  if (address === null) return;
  const number = Number(/ --dport ([0-9]+)(?: |$)/.exec(line)?.[1] ?? 0);
  const protocol = / -p (\w+)/.exec(line)?.[1] ?? "";
  services.add(address, { protocol, number }, graph, / -j (\S+)/.exec(line)?.[1] ?? "");
}

function addNftService(services: Services, graph: Graph, key: unknown, target: string): void {
  const { concat } = (key ?? {}) as { concat?: unknown };
  if (!Array.isArray(concat)) return;
  const address = canonicalOf(concat[0]);
  const protocol = PROTOCOL_NAMES[String(concat[1])] ?? String(concat[1]);
  if (address !== null)
    services.add(address, { protocol, number: Number(concat[2]) }, graph, target);
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end;
}

/** A comment may look like anything, a rule included. */
function withoutComment(line: string): string {
  return line.includes(" --comment ")
    ? line.replace(/ --comment (?:"(?:\\.|[^"\\])*"|\S+)/g, "")
    : line;
}

function addressOf(line: string): string | null {
  const match = /(! )?-d ([0-9a-f.:]+)(\/[0-9]+)?(?: |$)/.exec(line);
  if (match === null || match[1] !== undefined) return null;
  const isWhole = match[3] === undefined || match[3] === (match[2].includes(":") ? "/128" : "/32");
  return isWhole ? canonicalIpAddress(match[2]) : null;
}

/** `192.0.2.1:53` or `[2001:db8::1]:53`; without a port it says too little. */
function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]+)$/.exec(text);
  return match === null ? null : endpointOf(match[1] ?? match[2], match[3]);
}

/** `0A60000A:0035` or `[fd00:0010:0000:0000:0000:0000:0000:000a]:0035`. */
function parseHexEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([0-9a-f:]+)\]|([0-9A-F]{8})):([0-9A-F]{4})$/i.exec(text);
  if (match === null) return null;
  const [, ipv6, ipv4, port] = match;
  const address = ipv6 ?? ipv4.replace(/../g, (byte) => `${Number.parseInt(byte, 16)}.`);
  return endpointOf(address.replace(/\.$/, ""), Number.parseInt(port, 16));
}

function endpointOf(addressText: unknown, portText: unknown): Endpoint | null {
  const address = canonicalOf(addressText);
  const port = parsePort(String(portText));
  return address === null || port === null || port === 0 ? null : { address, port };
}

function canonicalOf(text: unknown): string | null {
  return typeof text === "string" ? canonicalIpAddress(text) : null;
}

const TABLE = "kube-proxy";
/** Numbers where the machine has no /etc/protocols. */
const PROTOCOL_NAMES: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp" };

interface NftObject {
  readonly table?: unknown;
  readonly name?: unknown;
  readonly chain?: unknown;
  readonly expr?: unknown;
  readonly elem?: unknown;
}

function nftObjects(json: string): object[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return [];
  }
  const { nftables } = (value ?? {}) as { nftables?: unknown };
  if (!Array.isArray(nftables)) return [];
  return nftables.filter((object) => typeof object === "object" && object !== null);
}

function readStatement(graph: Graph, chain: string, statement: unknown): void {
  const { vmap, dnat } = (statement ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const target = targetOf(statement);
  if (target !== "") graph.addJump(chain, target);
  if (vmap !== undefined) {
    for (const [, verdict] of pairs(setOf(vmap.data))) {
      const choice = targetOf(verdict);
      if (choice !== "") graph.addJump(chain, choice);
    }
  }
  if (dnat === undefined) return;
  graph.addEndpoint(chain, () => endpointOf(dnat.addr, dnat.port));
  const { map } = (dnat.addr ?? {}) as { map?: { data?: unknown } };
  for (const [, value] of pairs(setOf(map?.data))) {
    const { concat } = (value ?? {}) as { concat?: unknown };
    if (Array.isArray(concat)) graph.addEndpoint(chain, () => endpointOf(concat[0], concat[1]));
  }
}

function targetOf(verdict: unknown): string {
  const { goto, jump } = (verdict ?? {}) as Record<string, { target?: unknown } | undefined>;
  const target = goto?.target ?? jump?.target;
  return typeof target === "string" ? target : "";
}

function setOf(data: unknown): unknown {
  return ((data ?? {}) as { set?: unknown }).set;
}

function pairs(elements: unknown): [unknown, unknown][] {
  if (!Array.isArray(elements)) return [];
  return elements.filter((element) => Array.isArray(element) && element.length === 2);
}

/** Elements with a comment or a counter are wrapped. */
function unwrap(element: unknown): unknown {
  const { elem } = (element ?? {}) as { elem?: { val?: unknown } };
  return elem === undefined ? element : elem.val;
}
