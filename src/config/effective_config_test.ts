import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { schemaProblems } from "../../tests/support/json_schema.ts";
import { PLUGIN_NAMES } from "../plugins/registry.ts";
import { effectiveConfigOf, effectiveConfigSchema } from "./effective_config.ts";
import { loadConfig } from "./load.ts";
import { memorySource } from "./source.ts";

const SCHEMA = effectiveConfigSchema();
const FILES = { "/etc/resolv.conf": "nameserver 192.0.2.53\n" };
const INTERFACES = [{ name: "lo", addresses: ["127.0.0.1", "::1"] }];

/** Only as far as these tests look into it. */
interface Effective {
  readonly servers: {
    serves: object[];
    addresses: string[];
    plugins: Record<string, object>;
  }[];
}

function effective(text: string): Effective | null {
  const source = memorySource({ ...FILES, Corefile: text }, { interfaces: INTERFACES });
  const { config } = loadConfig({ confFile: null, source });
  // As it is printed: a field that is undefined is not there.
  return config === null ? null : JSON.parse(JSON.stringify(effectiveConfigOf(config)));
}

/** The first schema of a setting with this name. */
function schemaOf(name: string, schema: unknown = SCHEMA): Record<string, unknown> | null {
  if (typeof schema !== "object" || schema === null) return null;
  const { properties } = schema as { properties?: Record<string, Record<string, unknown>> };
  if (properties?.[name] !== undefined) return properties[name];
  for (const part of Object.values(schema)) {
    const found = schemaOf(name, part);
    if (found !== null) return found;
  }
  return null;
}

test("effectiveConfigOf() fills in every default, plugins in order of execution", () => {
  const text =
    "example.org {\n forward . 192.0.2.1\n cache\n bind 127.0.0.1\n}\na:1 {\n errors\n}\n";
  const [first, second] = effective(text)?.servers ?? [];
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual(Object.keys(first), ["name", "place", "serves", "addresses", "plugins"]);
  assert.deepEqual(first.serves, [{ zone: "example.org.", port: 53 }]);
  assert.deepEqual(first.addresses, ["127.0.0.1"]);
  assert.deepEqual(Object.keys(first.plugins), ["bind", "cache", "forward"]);
  assert.equal((first.plugins.cache as { servfailMs: number }).servfailMs, 5000);
  assert.deepEqual(second.addresses, ["0.0.0.0", "::"]);
  assert.equal(JSON.stringify(effective(text)), JSON.stringify(effective(text)));
});

test("effectiveConfigSchema() accepts the settings of every example and of every test Corefile", () => {
  const pages = PLUGIN_NAMES.map(
    (name) => new URL(`../plugins/${name}/README.md`, import.meta.url),
  );
  const examples = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/^```corefile\n(.*?)^```$/gms)].map(([, text]) => text),
  );
  const folder = new URL("./testdata/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".Corefile"));
  const corefiles = files.map((name) => readFileSync(new URL(name, folder), "utf8"));
  let checkedCount = 0;
  for (const text of [...examples, ...corefiles]) {
    const value = effective(text);
    if (value === null) continue;
    checkedCount += 1;
    assert.deepEqual(schemaProblems(value, SCHEMA), [], text);
  }
  assert.ok(checkedCount >= PLUGIN_NAMES.length, `${checkedCount} were checked`);
});

test("effectiveConfigSchema() refuses settings that the reader would not give", () => {
  const text = "example.org {\n forward . 192.0.2.1\n cache\n}\n";
  const broken = (change: (server: Effective["servers"][number]) => void) => {
    const value = effective(text);
    assert.ok(value !== null && value.servers[0] !== undefined);
    change(value.servers[0]);
    return schemaProblems(value, SCHEMA);
  };
  const at = "$.servers[0]";
  assert.deepEqual(
    broken((server) => Object.assign(server.plugins.cache, { servfailMs: -1 })),
    [`${at}.plugins.cache.servfailMs: minimum`],
  );
  assert.deepEqual(
    broken((server) => Object.assign(server.serves[0], { zone: "no.dot", port: 1.5 })),
    [`${at}.serves[0].zone: pattern`, `${at}.serves[0].port: not integer`],
  );
  assert.deepEqual(
    broken((server) => Object.assign(server, { addresses: undefined, other: 1 })),
    [`${at}.addresses: not array`, `${at}.other: unexpected`],
  );
});

test("effectiveConfigSchema() describes settings with their units and ranges", () => {
  assert.equal(
    schemaOf("servfailMs")?.description,
    "milliseconds: a duration from 0 to 5m, such as 5s",
  );
  assert.equal(schemaOf("ttlSecMax")?.description, "seconds: a whole number of seconds from 1");
  assert.equal(schemaOf("port")?.description, "a port from 0 to 65535");
  assert.deepEqual(Object.keys(schemaOf("plugins")?.properties ?? {}), PLUGIN_NAMES);
});
