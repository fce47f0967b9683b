/** `TO` arguments of `forward`: addresses, and files in the format of resolv.conf. */

import type { Token } from "../../config/lexer.ts";
import type { ConfigSource } from "../../config/source.ts";
import type { UpstreamPlan } from "../../handoff/plan.ts";
import { canonicalIpAddress, formatEndpoint, parsePort } from "../../std/ip_address.ts";
import type { DirectiveReader } from "../directive_reader.ts";

const DNS_PORT = 53;
/** RFC 7858 §3.1. */
const TLS_PORT = 853;
const OTHER_SCHEMES = ["https", "https3", "h3", "quic", "grpc"];

/** How `TO` says it is to be spoken to. */
interface Scheme {
  readonly isTls: boolean;
  readonly port: number;
}

const PLAIN: Scheme = { isTls: false, port: DNS_PORT };
const TLS: Scheme = { isTls: true, port: TLS_PORT };

export interface NamedUpstreams {
  readonly upstreams: readonly UpstreamPlan[];
  /** A file names them, which may name others at any time. */
  readonly isFile: boolean;
}

/** Upstreams of one argument; empty after a problem. */
export function readUpstreams(
  reader: DirectiveReader,
  token: Token,
  source: ConfigSource,
): NamedUpstreams {
  const named = (upstreams: readonly UpstreamPlan[], isFile = false) => ({ upstreams, isFile });
  const prefix = /^([a-z0-9]+):\/\//i.exec(token.text);
  const name = prefix?.[1].toLowerCase() ?? "dns";
  if (OTHER_SCHEMES.includes(name)) {
    const advice = `use "tls://" or plain DNS`;
    reader.error(token, `Cannot use upstream "${token.text}": ${name} is not supported: ${advice}`);
    return named([]);
  }
  if (name !== "dns" && name !== "tls") {
    reader.error(
      token,
      `Unknown scheme "${name}://" of an upstream: expected "dns://" or "tls://"`,
    );
    return named([]);
  }
  const text = token.text.slice(prefix?.[0].length ?? 0);
  const scheme = name === "tls" ? TLS : PLAIN;
  const { rest, serverName } = scheme.isTls ? splitServerName(text) : { rest: text };
  const endpoint = parseEndpoint(rest, scheme.port);
  if (endpoint === null) {
    return named(readResolvConf(reader, token, { path: text, scheme, source }), true);
  }
  const found = { endpoint, serverName: serverName ?? null, scheme, source };
  return named(checkEndpoint(reader, token, found));
}

/** Whether `name` can be the name of a server in a certificate: a host name or an IP address. */
export function isServerName(name: string): boolean {
  return (
    canonicalIpAddress(name) !== null ||
    /^(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(
      name,
    )
  );
}

/** `192.0.2.1%dns.example.org:853` has its name between address and port, in brackets or not. */
function splitServerName(text: string): { rest: string; serverName?: string } {
  const parts = /^([^%]*)%([^%:\]]*)(\]?(?::.*)?)$/.exec(text);
  if (parts === null) return { rest: text };
  const [, host, serverName, port] = parts;
  const isBareIpv6 = !host.startsWith("[") && host.includes(":") && port !== "";
  return { rest: isBareIpv6 ? `[${host}]${port}` : `${host}${port}`, serverName };
}

interface Endpoint {
  readonly address: string;
  /** With its `%`; empty without. */
  readonly scope: string;
  /** `null` for a port that is no port. */
  readonly port: number | null;
}

/** `IP`, `IP:port`, `[v6]`, `[v6]:port`, each IPv6 with or without scope; `null` for no address. */
function parseEndpoint(text: string, usualPort: number): Endpoint | null {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const plain = bracketed ?? /^([^:]*):([^:]*)$/.exec(text) ?? [text, text, undefined];
  const [, host, portText] = plain;
  const address = canonicalIpAddress(host.replace(/%.*$/, ""));
  if (address === null) return null;
  const scope = /%.*$/.exec(host)?.[0] ?? "";
  const port = portText === undefined ? usualPort : parsePort(portText);
  return { address, scope, port: port === 0 ? null : port };
}

interface Found {
  readonly endpoint: Endpoint;
  readonly serverName: string | null;
  readonly scheme: Scheme;
  readonly source: ConfigSource;
}

function checkEndpoint(reader: DirectiveReader, token: Token, found: Found): UpstreamPlan[] {
  const { endpoint, serverName, scheme, source } = found;
  const { address, port } = endpoint;
  if (port === null) {
    reader.error(token, `Cannot read port of upstream "${token.text}": expected 1 to 65535`);
    return [];
  }
  if (address === "0.0.0.0" || address === "::") {
    reader.error(token, `Cannot forward to "${token.text}": expected the address of one server`);
    return [];
  }
  if (serverName !== null && !isServerName(serverName)) {
    const wanted = "expected a host name after %";
    reader.error(token, `Cannot read server name of "${token.text}": ${wanted}`);
    return [];
  }
  const scope = scopeOf(endpoint, source);
  if (scope === null) {
    const what = `interface "${endpoint.scope.slice(1)}" of upstream "${token.text}"`;
    reader.error(token, `Cannot find ${what}: expected the name of one that this machine has`);
    return [];
  }
  return [{ address: address + scope, port, tls: tlsOf(scheme, serverName) }];
}

function tlsOf({ isTls }: Scheme, serverName: string | null): UpstreamPlan["tls"] {
  return isTls ? { serverName, certFile: null, keyFile: null, caFile: null } : null;
}

/**
 * The scope with the number of its interface, which is what the kernel wants; null when there is no
 * such interface.
 */
function scopeOf({ scope }: Endpoint, source: ConfigSource): string | null {
  const name = scope.slice(1);
  if (name === "" || /^[1-9][0-9]*$/.test(name)) return scope;
  if (!/^[^/\s]{1,15}$/.test(name)) return null;
  try {
    return `%${source.readFile(`/sys/class/net/${name}/ifindex`).trim()}`;
  } catch {
    return null;
  }
}

interface ResolvConf {
  readonly path: string;
  readonly scheme: Scheme;
  readonly source: ConfigSource;
}

function readResolvConf(
  reader: DirectiveReader,
  token: Token,
  { path, scheme, source }: ResolvConf,
): UpstreamPlan[] {
  let text: string;
  try {
    text = source.readFile(path);
  } catch (error) {
    const isPath = path.includes("/");
    const reason = isPath ? `: ${(error as Error).message}` : hostNameHint(path);
    const wanted = "expected an IP address, IP:port, [IPv6]:port or a file";
    reader.error(token, `Cannot read upstream: ${wanted}, got "${token.text}"${reason}`);
    return [];
  }
  const upstreams: UpstreamPlan[] = [];
  for (const server of nameservers(text)) {
    const endpoint = parseEndpoint(server, scheme.port);
    const leaveOut = (why: string) =>
      reader.warning(token, `Nameserver "${server}" of "${path}" is left out: ${why}`);
    if (endpoint === null || endpoint.port === null) {
      leaveOut("it is no IP address");
      continue;
    }
    const scope = scopeOf(endpoint, source);
    if (scope === null) {
      leaveOut("this machine has no such interface");
      continue;
    }
    const { address, port } = endpoint;
    upstreams.push({ address: address + scope, port, tls: tlsOf(scheme, null) });
  }
  if (upstreams.length === 0) {
    reader.error(token, `Cannot forward to "${path}": expected a line "nameserver ADDRESS" in it`);
  }
  return upstreams;
}

/** Second words of `nameserver` lines. `#` and `;` begin comments (resolv.conf(5)). */
function nameservers(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [keyword, server] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    return keyword === "nameserver" && server !== undefined ? [server] : [];
  });
}

/** CoreDNS looks host names up when it starts, and never again. */
function hostNameHint(text: string): string {
  if (!text.includes(".") || /^[0-9.]+$/.test(text) || !isServerName(text)) return "";
  return ": host names are not looked up: write the server's address";
}

/** `192.0.2.1:53`, for messages. */
export function describeUpstream(upstream: UpstreamPlan): string {
  return formatEndpoint(upstream.address, upstream.port);
}
