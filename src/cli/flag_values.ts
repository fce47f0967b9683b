/** Readers of flag values; each throws `Expected` with the form it wants. */

import { formatByteSize, parseByteSize } from "../config/byte_size.ts";
import { parseDuration } from "../config/duration.ts";
import { type Endpoint, LEASE_KINDS, type LeaseKind } from "../net/settings.ts";
import { canonicalIpAddress, parsePort } from "../std/ip_address.ts";
import { Expected } from "./go_flags.ts";

const DNS_PORT = 53;
const MIB = 1024 * 1024;
export const MEMORY_BYTES_MIN = MIB;
/** What one cache can manage (`Cache.memoryFor`). */
export const MEMORY_BYTES_MAX = 3584 * MIB;
export const WORKERS_MAX = 64;

export function readPort(text: string): number {
  const port = parsePort(text);
  if (port === null) throw new Expected("a port from 0 to 65535");
  return port;
}

export function readMemory(text: string): number {
  const sizeBytes = parseByteSize(text);
  if (sizeBytes === null || sizeBytes < MEMORY_BYTES_MIN || sizeBytes > MEMORY_BYTES_MAX) {
    const range = `${formatByteSize(MEMORY_BYTES_MIN)} to ${formatByteSize(MEMORY_BYTES_MAX)}`;
    throw new Expected(`a size from ${range}, such as 64MiB, 64M or 67108864`);
  }
  return sizeBytes;
}

export function readWorkers(text: string): "auto" | number {
  if (text === "auto") return "auto";
  const count = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > WORKERS_MAX) throw new Expected(`auto or 1 to ${WORKERS_MAX}`);
  return count;
}

/** Comma-separated addresses, canonical, each once. */
export function readAddresses(text: string): string[] {
  const addresses = text.split(",").map((part) => canonicalIpAddress(part.trim()));
  if (!addresses.every((address) => address !== null)) {
    throw new Expected("IP addresses with commas between, such as 169.254.20.10,10.96.0.10");
  }
  return [...new Set(addresses)];
}

/** Comma-separated `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. */
export function readEndpoints(text: string): Endpoint[] {
  const endpoints = new Map<string, Endpoint>();
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const match = /^\[([^\]]+)\](?::([0-9]+))?$/.exec(part) ?? /^([^:]+):([0-9]+)$/.exec(part);
    const address = canonicalIpAddress(match?.[1] ?? part);
    const port = match?.[2] === undefined ? DNS_PORT : parsePort(match[2]);
    if (address === null || port === null || port === 0) {
      throw new Expected("ADDRESS or ADDRESS:PORT with commas between, such as 10.244.0.2:53");
    }
    endpoints.set(`${address} ${port}`, { address, port });
  }
  return [...endpoints.values()];
}

export function readLease(text: string): "auto" | LeaseKind {
  if (text === "auto") return text;
  const kind = LEASE_KINDS.find((name) => name === text);
  if (kind === undefined) throw new Expected(`auto, ${LEASE_KINDS.join(", ")}`);
  return kind;
}

/** `0`, `:9253`, `0.0.0.0:9353`, `[::1]:9353`, `localhost:9353`. */
export function readListenAddress(text: string): string {
  if (text === "0" || text === "") return "0";
  const match = /^(\[[^\]]*\]|[^:[\]]*):([0-9]+)$/.exec(text);
  const host = match?.[1].replace(/^\[(.*)\]$/, "$1") ?? "";
  const isHost = host === "" || canonicalIpAddress(host) !== null || /^[a-z][\w.-]*$/i.test(host);
  if (match === null || !isHost || parsePort(match[2]) === null) {
    throw new Expected("HOST:PORT, :PORT or 0 for none");
  }
  return text;
}

/** What the kernel takes for a name of an interface: 1 to 15 bytes. */
export function readInterfaceName(text: string): string {
  if (!/^[^\s/:]{1,15}$/.test(text) || text === "." || text === "..") {
    throw new Expected("a name of 1 to 15 characters without spaces, '/' and ':'");
  }
  return text;
}

/**
 * An interval as users of node-cache mean it: `60` and `60s` are both 60 seconds.
 *
 * node-cache multiplied the duration by a second, so that `60ns` was the one way to get 60 seconds
 * there; manifests with it mean seconds too.
 */
export function readSyncInterval(text: string): number {
  const seconds = /^([0-9]+)(?:ns)?$/.exec(text);
  const intervalMs = seconds === null ? parseDuration(text) : Number(seconds[1]) * 1_000;
  if (intervalMs === null || intervalMs < 1_000 || intervalMs > 86_400_000) {
    throw new Expected("1 to 86400 seconds, or a duration up to 24h, such as 60 or 60s");
  }
  return intervalMs;
}

export function readTimeoutMs(text: string): number {
  const seconds = /^[0-9.]+$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
  if (seconds === null || !(seconds >= 1) || seconds > 3_600_000) {
    throw new Expected("seconds or a duration up to 1h, such as 2 or 500ms");
  }
  return seconds;
}

/** A path or a name that may not be empty. */
export function readText(text: string): string {
  if (text === "") throw new Expected("a text");
  return text;
}
