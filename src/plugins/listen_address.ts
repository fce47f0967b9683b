/** Addresses that plugins serve HTTP on: `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for all. */

import * as z from "zod/mini";
import type { Token } from "../config/lexer.ts";
import { canonicalIpAddress, parsePort } from "../std/ip_address.ts";
import type { DirectiveReader } from "./directive_reader.ts";

const EXPECTED = "an address and a port, such as localhost:9253, [::1]:9253 or :9253";

/** As written in settings, with the IP address in its canonical form. */
export const listenAddress = z.string().check(
  z.refine((text) => parseListenAddress(text) !== null, {
    error: EXPECTED,
  }),
);

export interface ListenAddress {
  /** IP address or name; empty for all addresses of the machine. */
  readonly host: string;
  readonly port: number;
}

export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([^\][]+)\]|([^:\][\s]*)):([0-9]+)$/.exec(text);
  if (match === null) return null;
  const [, bracketed, plain = "", digits = ""] = match;
  const port = parsePort(digits);
  if (port === null) return null;
  if (bracketed === undefined) return { host: canonicalIpAddress(plain) ?? plain, port };
  const address = canonicalIpAddress(bracketed);
  return address?.includes(":") ? { host: address, port } : null;
}

/** The first argument of a directive, if it has one; `null` after a problem. */
export function readListenAddress(
  reader: DirectiveReader,
  token: Token | undefined,
  standard: string,
): string | null {
  if (token === undefined) return standard;
  const address = parseListenAddress(token.text);
  if (address === null) {
    reader.error(token, `Cannot read address: expected ${EXPECTED}, got "${token.text}"`);
    return null;
  }
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
