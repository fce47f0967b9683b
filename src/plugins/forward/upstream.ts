/** `TO` arguments of `forward`: addresses, and files in the format of resolv.conf. */

import type { Token } from "../../config/lexer.ts";
import type { ConfigSource } from "../../config/source.ts";
import type { UpstreamPlan } from "../../handoff/plan.ts";
import { canonicalIpAddress, formatEndpoint, parsePort } from "../../std/ip_address.ts";
import type { DirectiveReader } from "../directive_reader.ts";

const DNS_PORT = 53;
const OTHER_SCHEMES = ["tls", "https", "https3", "quic", "grpc"];

/** Upstreams of one argument; empty after a problem. */
export function readUpstreams(
  reader: DirectiveReader,
  token: Token,
  source: ConfigSource,
): UpstreamPlan[] {
  const scheme = /^([a-z0-9]+):\/\//i.exec(token.text);
  const name = scheme?.[1].toLowerCase() ?? "dns";
  if (OTHER_SCHEMES.includes(name)) {
    reader.unsupported(token, `upstream "${token.text}"`);
    return [];
  }
  if (name !== "dns") {
    reader.error(token, `Unknown scheme "${name}://" of an upstream: expected "dns://"`);
    return [];
  }
  const text = token.text.slice(scheme?.[0].length ?? 0);
  const endpoint = parseEndpoint(text);
  if (endpoint !== null) return checkEndpoint(reader, token, endpoint);
  return readResolvConf(reader, token, text, source);
}

interface Endpoint {
  readonly address: string;
  /** `null` for a port that is no port. */
  readonly port: number | null;
}

/** `IP`, `IP:port`, `[v6]`, `[v6]:port`, each IPv6 with or without scope; `null` for no address. */
function parseEndpoint(text: string): Endpoint | null {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const plain = bracketed ?? /^([^:]*):([^:]*)$/.exec(text) ?? [text, text, undefined];
  const [, host, portText] = plain;
  const address = canonicalIpAddress(host.replace(/%.*$/, ""));
  if (address === null) return null;
  const scope = /%.*$/.exec(host)?.[0] ?? "";
  const port = portText === undefined ? DNS_PORT : parsePort(portText);
  return { address: address + scope, port: port === 0 ? null : port };
}

function checkEndpoint(
  reader: DirectiveReader,
  token: Token,
  { address, port }: Endpoint,
): UpstreamPlan[] {
  if (port === null) {
    reader.error(token, `Cannot read port of upstream "${token.text}": expected 1 to 65535`);
    return [];
  }
  if (address.includes("%")) {
    reader.unsupported(token, `upstream "${token.text}" with a scope`);
    return [];
  }
  if (address === "0.0.0.0" || address === "::") {
    reader.error(token, `Cannot forward to "${token.text}": expected the address of one server`);
    return [];
  }
  return [{ address, port }];
}

function readResolvConf(
  reader: DirectiveReader,
  token: Token,
  path: string,
  source: ConfigSource,
): UpstreamPlan[] {
  let text: string;
  try {
    text = source.readFile(path);
  } catch (error) {
    const isPath = path.includes("/");
    const reason = isPath ? `: ${(error as Error).message}` : "";
    const wanted = "expected an IP address, IP:port, [IPv6]:port or a file";
    reader.error(token, `Cannot read upstream: ${wanted}, got "${token.text}"${reason}`);
    return [];
  }
  const upstreams: UpstreamPlan[] = [];
  for (const line of text.split("\n")) {
    const [keyword, server] = line.trim().split(/\s+/);
    if (keyword !== "nameserver" || server === undefined) continue;
    const endpoint = parseEndpoint(server);
    if (endpoint === null || endpoint.port === null) {
      reader.warning(token, `Nameserver "${server}" of "${path}" is left out: it is no IP address`);
    } else if (endpoint.address.includes("%")) {
      const why = "this version does not support scopes";
      reader.warning(token, `Nameserver "${server}" of "${path}" is left out: ${why}`);
    } else {
      upstreams.push({ address: endpoint.address, port: endpoint.port });
    }
  }
  if (upstreams.length === 0) {
    reader.error(token, `Cannot forward to "${path}": expected a line "nameserver ADDRESS" in it`);
  }
  return upstreams;
}

/** `192.0.2.1:53`, for messages. */
export function describeUpstream(upstream: UpstreamPlan): string {
  return formatEndpoint(upstream.address, upstream.port);
}
