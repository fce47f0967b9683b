/** Corefiles of tests/corefiles on this machine: read, moved to loopback, served. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "./free_port.ts";
import {
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "./scripted_upstream.ts";
import { type Served, serve } from "./serve.ts";

export const FIELD_FOLDER = join(import.meta.dirname, "..", "corefiles");

/** A Corefile, and what of it no machine of ours has. */
export interface FieldCorefile {
  readonly file: string;
  /** Addresses to listen on; each becomes one of 127.0.0.0/8, in this order. */
  readonly local: readonly string[];
  /** What `forward` names for the cluster's zones. */
  readonly cluster: string;
  /** What it names for all others. */
  readonly outside: string;
  /** What it names for zones of the site, if it does. */
  readonly site?: string;
  /** HTTP listeners, as the file writes them. */
  readonly http: readonly string[];
}

/** A running nodens with one of the Corefiles. */
export interface Field {
  readonly context: TestContext;
  readonly corefile: FieldCorefile;
  readonly server: Served;
  readonly port: number;
  /** In the order of `FieldCorefile.local`. */
  readonly addresses: readonly string[];
  readonly cluster: ScriptedUpstream;
  readonly outside: ScriptedUpstream;
  readonly site: ScriptedUpstream;
  /** Of an HTTP listener, by how the file writes it. */
  url(listener: string): string;
}

export interface FieldOptions {
  /** Directives of server blocks that are taken out. */
  readonly without: readonly string[];
  readonly onQuery: (query: UpstreamQuery) => void;
}

export function readField(file: string): string {
  return readFileSync(join(FIELD_FOLDER, file), "utf8");
}

/** Starts nodens and its upstreams for the time of a test. */
export async function startField(
  context: TestContext,
  corefile: FieldCorefile,
  { without, onQuery }: FieldOptions,
): Promise<Field> {
  const cluster = await startScriptedUpstream(context, onQuery);
  const outside = await startScriptedUpstream(context, onQuery);
  const site = await startScriptedUpstream(context, onQuery);
  const port = await freePort();
  const addresses = corefile.local.map((_, index) => `127.0.20.${10 + index}`);
  const http = new Map<string, string>();
  for (const listener of corefile.http) {
    const host = corefile.local.findIndex((address) => listener.startsWith(`${address}:`));
    http.set(listener, `${addresses[host] ?? "127.0.0.1"}:${await freePort()}`);
  }
  const text = replaceEach(withoutDirectives(readField(corefile.file), without), [
    ...[...http].map(([from, to]) => [` ${from}\n`, ` ${to}\n`] as const),
    [`forward . ${corefile.cluster}`, `forward . 127.0.0.1:${cluster.port}`],
    [`forward . ${corefile.outside}`, `forward . 127.0.0.1:${outside.port}`],
    [`forward . ${corefile.site}`, `forward . 127.0.0.1:${site.port}`],
    ...corefile.local.map((from, index) => [` ${from}`, ` ${addresses[index]}`] as const),
    [":53 ", `:${port} `],
    ["import ", `import ${FIELD_FOLDER}/`],
  ]);
  const server = await serve(context, text);
  const url = (listener: string) => `http://${http.get(listener)}`;
  return { context, corefile, server, port, addresses, cluster, outside, site, url };
}

function replaceEach(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

/** The files are formatted: a directive is indented by four spaces, and so is its closing brace. */
export function withoutDirectives(text: string, names: readonly string[]): string {
  let isInside = false;
  const kept = text.split("\n").filter((line) => {
    const name = /^ {4}(\w+)/.exec(line)?.[1];
    if (name !== undefined && names.includes(name)) {
      isInside = line.endsWith("{");
      return false;
    }
    const wasInside = isInside;
    if (line === "    }") isInside = false;
    return !wasInside;
  });
  const left = kept.filter((line) => names.some((name) => line.startsWith(`    ${name} `)));
  assert.deepEqual(left, []);
  return kept.join("\n");
}
