/**
 * The ConfigMap of kube-dns, mounted as a directory: `stubDomains` and `upstreamNameservers`.
 *
 * A broken value costs nobody his DNS: it is an error that is reported, and the values that were
 * good before hold, or those of the same file that are good.
 */

import * as z from "zod/mini";
import { canonicalIpAddress, parsePort } from "../std/ip_address.ts";
import type { Place, Problems } from "./problem.ts";
import type { ConfigSource } from "./source.ts";
import { TextPlaces } from "./text_places.ts";
import { normalizeZone } from "./zone.ts";

/** kube-dns itself takes no more. */
export const UPSTREAM_NAMESERVERS_MAX = 3;

/** A domain that has servers of its own. */
export interface StubDomain {
  /** Normalised. */
  readonly zone: string;
  readonly servers: readonly string[];
  /** Its key in the file. */
  readonly place: Place;
}

export interface KubeDnsMap {
  /** By zone, in byte order. */
  readonly stubDomains: readonly StubDomain[];
  readonly upstreamNameservers: readonly string[];
}

const SERVER_FORM = "an IP address, IP:PORT or [IPv6]:PORT";

const server = z
  .string(`expected ${SERVER_FORM} as a text`)
  .check(z.refine(isServer, { error: ({ input }) => `expected ${SERVER_FORM}, got "${input}"` }));

const servers = z
  .array(server, `expected a list of servers, such as ["192.0.2.53"]`)
  .check(z.minLength(1, "expected at least one server"));

const zoneName = z.string().check(
  z.refine((text) => /^[-a-z0-9_]+(?:\.[-a-z0-9_]+)*\.?$/i.test(text) && zoneOf(text) !== null, {
    error: "expected a domain name, such as example.org",
  }),
);

const stubDomainsSchema = z.record(zoneName, servers, "expected an object of lists of servers");

const upstreamsSchema = z
  .array(server, `expected a list of servers, such as ["192.0.2.53"]`)
  .check(
    z.maxLength(UPSTREAM_NAMESERVERS_MAX, `expected at most ${UPSTREAM_NAMESERVERS_MAX} servers`),
  );

/**
 * Reads what is in `directory`; what is missing or empty is no value.
 *
 * @param lastGood values that hold in place of broken ones; `null` when there are none.
 */
export function readKubeDnsMap(
  directory: string,
  source: ConfigSource,
  problems: Problems,
  lastGood: KubeDnsMap | null = null,
): KubeDnsMap {
  const stubs = new JsonFile(`${directory}/stubDomains`, source, problems);
  const stubDomains = readStubDomains(stubs, lastGood, problems);
  const upstreams = new JsonFile(`${directory}/upstreamNameservers`, source, problems);
  const isKept = !upstreams.isGood(upstreamsSchema) && lastGood !== null;
  const good = goodServers(upstreams.value).slice(0, UPSTREAM_NAMESERVERS_MAX);
  const federations = new JsonFile(`${directory}/federations`, source, problems);
  if (federations.isPresent) {
    problems.warning(federations.place(), "Federations have no effect: CoreDNS has none either");
  }
  return {
    stubDomains,
    upstreamNameservers: isKept ? lastGood.upstreamNameservers : good,
  };
}

function readStubDomains(
  file: JsonFile,
  lastGood: KubeDnsMap | null,
  problems: Problems,
): readonly StubDomain[] {
  if (!file.isGood(stubDomainsSchema) && lastGood !== null) return lastGood.stubDomains;
  const domains = new Map<string, StubDomain>();
  // Of a broken file, without values from before, what is good in it.
  const isObject = typeof file.value === "object" && file.value !== null;
  for (const [name, value] of Object.entries(isObject ? (file.value as object) : {})) {
    const zone = zoneName.safeParse(name).success ? zoneOf(name) : null;
    const servers = goodServers(value);
    if (zone === null || servers.length === 0) continue;
    const place = file.place(name);
    if (domains.has(zone)) {
      problems.error(place, `Cannot use "${name}" twice: the first holds`);
    } else {
      domains.set(zone, { zone, servers, place });
    }
  }
  return [...domains.values()].sort((a, b) => (a.zone < b.zone ? -1 : 1));
}

/** One value of the ConfigMap, with its errors at their places. */
class JsonFile {
  readonly #path: string;
  readonly #problems: Problems;
  readonly #text: string;
  /** Parsed; `undefined` when there is none, or none that is JSON. */
  readonly value: unknown;

  constructor(path: string, source: ConfigSource, problems: Problems) {
    this.#path = path;
    this.#problems = problems;
    this.#text = this.#read(source).trimEnd();
    this.value = this.isPresent && !path.endsWith("federations") ? this.#parse() : undefined;
  }

  get isPresent(): boolean {
    return this.#text !== "";
  }

  /** Whether there is no value or one that fits; reports why not. */
  isGood(schema: z.ZodMiniType): boolean {
    if (!this.isPresent) return this.#text === "";
    if (this.value === undefined) return false;
    const result = schema.safeParse(this.value);
    for (const issue of result.error?.issues ?? []) {
      const { path } = issue;
      const message = issue.code === "invalid_key" ? issue.issues[0].message : issue.message;
      const keys = path.map((key) =>
        typeof key === "number" ? `value ${key + 1}` : `"${String(key)}"`,
      );
      const where = keys.length === 0 ? "" : ` of ${keys.join(", ")}`;
      const name = path.find((key) => typeof key === "string");
      const what = `Cannot use the ConfigMap of kube-dns${where}: ${message}`;
      this.#problems.error(this.place(name as string | undefined), what);
    }
    return result.success;
  }

  /** Of a key, or of the whole file. */
  place(key?: string): Place {
    const at = key === undefined ? -1 : this.#text.search(keyPattern(key));
    if (at < 0) return { file: this.#path, line: 0, column: 0 };
    return { file: this.#path, ...new TextPlaces(this.#text).placeOf(at) };
  }

  #read(source: ConfigSource): string {
    try {
      return source.readFile(this.#path);
    } catch (error) {
      const { message } = error as Error;
      if (message !== "no such file") {
        this.#problems.error(this.place(), `Cannot read the ConfigMap of kube-dns: ${message}`);
      }
      return "";
    }
  }

  #parse(): unknown {
    try {
      return JSON.parse(this.#text);
    } catch (error) {
      const { message } = error as Error;
      const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
      const place = { file: this.#path, line: Number(line ?? 0), column: Number(column ?? 0) };
      this.#problems.error(
        place,
        `Cannot use the ConfigMap of kube-dns: it is no JSON: ${message}`,
      );
      return undefined;
    }
  }
}

function keyPattern(key: string): RegExp {
  const written = JSON.stringify(key).replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`${written}\\s*:`, "u");
}

function goodServers(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one) => isServer(one));
}

/** Names are no servers: whom would one ask for their addresses? */
function isServer(text: unknown): boolean {
  if (typeof text !== "string") return false;
  const host = text.replace(/^(?:dns|tls):\/\//, "");
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(host) ?? /^([^:]*):([^:]*)$/.exec(host);
  const port = match?.[2] === undefined ? 1 : parsePort(match[2]);
  return canonicalIpAddress(match?.[1] ?? host) !== null && port !== null && port > 0;
}

function zoneOf(name: string): string | null {
  return normalizeZone(name).zone;
}
