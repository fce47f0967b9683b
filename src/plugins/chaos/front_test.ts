import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import type { DnsMessage } from "../../wire/message.ts";
import { parseRecord } from "../../wire/record_text.ts";
import { frontPlugin, queryAsking, requestAsking } from "../testing.ts";
import { chaosSetup } from "./setup.ts";

function ask(directive: string, question: string): DnsMessage | null {
  const plugin = frontPlugin(chaosSetup, directive);
  let found: DnsMessage | null = null;
  plugin.handle(
    requestAsking(question),
    () => {},
    (answer) => {
      found = answer;
    },
  );
  const client = { bytes: new Uint8Array(4), offset: 0, length: 4 };
  assert.equal(plugin.wants(queryAsking(question), client), found !== null, question);
  return found;
}

test("ChaosPlugin says what this server is", () => {
  const cases: [name: string, texts: string[]][] = [
    ["version.bind.", ["v 1"]],
    ["version.server.", ["v 1"]],
    ["authors.bind.", ["a", "b"]],
    ["hostname.bind.", [hostname()]],
    ["id.server.", [hostname()]],
  ];
  for (const [name, texts] of cases) {
    const records = texts.map((text) => parseRecord(`${name} 0 CH TXT "${text}"`));
    assert.deepEqual(ask('chaos "v 1" a b', `${name} TXT CH`)?.answers, records, name);
  }
});

test("ChaosPlugin cuts what one string cannot hold", () => {
  const [record] = ask(`chaos ${"ä".repeat(200)}`, "version.bind. TXT CH")?.answers ?? [];
  assert.equal(record?.rdata.length, 255);
});

test("ChaosPlugin leaves other questions alone", () => {
  for (const other of ["version.bind. TXT", "version.bind. A CH", "bind. TXT CH", "a. TXT CH"]) {
    assert.equal(ask("chaos", other), null, other);
  }
});
