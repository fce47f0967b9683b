/** EDNS options that `edns0` rules put into queries: wire bytes, and lists of them. */

import { UPSTREAM_OPTIONS_BYTES_MAX } from "../../limits.ts";
import { words16 } from "../../wire/rdata_parts.ts";
import type { Request } from "../front_plugin.ts";
import type { EdnsData, RuleOf } from "./settings.ts";

/** Of one option; a query for an upstream has room for little more. */
export const OPTION_DATA_BYTES_MAX = 255;
const NO_DATA = new Uint8Array(0);
const OPTION_HEADER_BYTES = 4;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const IPV4_BYTES = 4;
const BYTE_BITS = 8;

/**
 * The options of `request` with what `rule` says of them; null when it does not apply.
 *
 * What clients send is not among them: EDNS goes from hop to hop (RFC 6891 §6.1.1).
 */
export function applyEdnsRule(rule: RuleOf<"edns0">, request: Request): Uint8Array | null {
  const options = request.options ?? new Uint8Array(0);
  const [start, end] = findOption(options, rule.code);
  const isThere = end > start;
  if (rule.action === "unset") return isThere ? without(options, start, end) : null;
  if (isThere ? rule.action === "append" : rule.action === "replace") return null;
  const data = dataOf(rule.data, request);
  const rest = isThere ? without(options, start, end) : options;
  const all = Uint8Array.from([...rest, ...words16(rule.code, data.length), ...data]);
  return data.length > OPTION_DATA_BYTES_MAX || all.length > UPSTREAM_OPTIONS_BYTES_MAX
    ? null
    : all;
}

function dataOf(data: EdnsData, request: Request): Uint8Array {
  switch (data.kind) {
    case "bytes":
      return Uint8Array.from(data.bytes);
    case "subnet":
      return subnetData(request.client.addressBytes, data.ipv4Bits, data.ipv6Bits);
    case "variable":
      switch (data.name) {
        case "qname":
          return new TextEncoder().encode(request.name);
        case "qtype":
          return words16(request.type);
        case "client_ip":
          return request.client.addressBytes;
        case "client_port":
          return words16(request.client.port);
        case "server_ip":
          return request.server?.addressBytes ?? NO_DATA;
        case "server_port":
          return request.server === undefined ? NO_DATA : words16(request.server.port);
        case "protocol":
          return new TextEncoder().encode(request.client.isTcp ? "tcp" : "udp");
      }
  }
}

/** Family, source and scope prefix length, address cut to whole bytes (RFC 7871 §6). */
function subnetData(address: Uint8Array, ipv4Bits: number, ipv6Bits: number): Uint8Array {
  const isIpv4 = address.length === IPV4_BYTES;
  const bits = isIpv4 ? ipv4Bits : ipv6Bits;
  const cut = Uint8Array.from(address.subarray(0, Math.ceil(bits / BYTE_BITS)));
  const spareBits = cut.length * BYTE_BITS - bits;
  if (spareBits > 0) cut[cut.length - 1] &= 0xff << spareBits;
  return Uint8Array.of(0, isIpv4 ? FAMILY_IPV4 : FAMILY_IPV6, bits, 0, ...cut);
}

/** Where the option `code` stands, with its header; both 0 when it does not. */
function findOption(options: Uint8Array, code: number): [start: number, end: number] {
  const view = new DataView(options.buffer, options.byteOffset, options.length);
  let at = 0;
  while (at + OPTION_HEADER_BYTES <= options.length) {
    const end = at + OPTION_HEADER_BYTES + view.getUint16(at + 2);
    if (view.getUint16(at) === code) return [at, end];
    at = end;
  }
  return [0, 0];
}

function without(options: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.from([...options.subarray(0, start), ...options.subarray(end)]);
}
