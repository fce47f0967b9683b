import assert from "node:assert/strict";
import { test } from "node:test";
import type { DnsMessage } from "../../wire/message.ts";
import { parseRecord } from "../../wire/record_text.ts";
import { frontPlugin, queryAsking, requestAsking } from "../testing.ts";
import { LocalPlugin } from "./front.ts";
import { localSetup } from "./setup.ts";

const ONE = `1.${"0.".repeat(31)}ip6.arpa.`;

/** What it answers, null when it does not. */
function ask(plugin: LocalPlugin, question: string): DnsMessage | null {
  let found: DnsMessage | null = null;
  plugin.handle(
    requestAsking(question),
    () => {},
    (answer) => {
      found = answer;
    },
  );
  assert.equal(plugin.wants(queryAsking(question)), found !== null, question);
  return found;
}

function localPlugin(counts: Record<string, number> = {}): LocalPlugin {
  const plugin = frontPlugin(localSetup, "local", { counts });
  assert.ok(plugin instanceof LocalPlugin);
  assert.ok(!plugin.wants(queryAsking(". NS")));
  return plugin;
}

test("LocalPlugin answers for the machine itself", () => {
  const soa = "604800 SOA localhost. root.localhost. 1 0 0 0 604800";
  const cases: [question: string, answers: string[], authorities: string[]][] = [
    ["localhost. A", ["localhost. 604800 A 127.0.0.1"], []],
    ["localhost. AAAA", ["localhost. 604800 AAAA ::1"], []],
    ["localhost. MX", [], [`localhost. ${soa}`]],
    ["localhost. SOA", [`localhost. ${soa}`], []],
    ["localhost. NS", ["localhost. 604800 NS localhost."], []],
    ["app.localhost. A", ["app.localhost. 604800 A 127.0.0.1"], []],
    ["app.localhost. SOA", [], [`localhost. ${soa}`]],
    ["localhost.example.org. A", ["localhost.example.org. 604800 A 127.0.0.1"], []],
    ["localhost.example.org. TXT", [], [`localhost.example.org. ${soa}`]],
    ["1.0.0.127.in-addr.arpa. PTR", ["1.0.0.127.in-addr.arpa. 604800 PTR localhost."], []],
    ["9.8.7.127.in-addr.arpa. PTR", ["9.8.7.127.in-addr.arpa. 604800 PTR localhost."], []],
    ["7.127.in-addr.arpa. PTR", [], [`127.in-addr.arpa. ${soa}`]],
    ["0.in-addr.arpa. NS", ["0.in-addr.arpa. 604800 NS localhost."], []],
    ["1.255.in-addr.arpa. PTR", [], [`255.in-addr.arpa. ${soa}`]],
    [`${ONE} PTR`, [`${ONE} 604800 PTR localhost.`], []],
  ];
  const counts = {};
  const plugin = localPlugin(counts);
  for (const [question, answers, authorities] of cases) {
    const answer = ask(plugin, question);
    assert.deepEqual(answer?.answers, answers.map(parseRecord), question);
    assert.deepEqual(answer?.authorities, authorities.map(parseRecord), question);
  }
  assert.deepEqual(counts, { coredns_local_localhost_requests_total: 2 });
});

test("LocalPlugin leaves other names alone", () => {
  const plugin = localPlugin();
  const others = ["example.org. A", "xlocalhost. A", "localhostx. A", "www.localhost.example. A"];
  for (const question of [...others, "1.2.0.192.in-addr.arpa. PTR", "1.0.ip6.arpa. PTR"]) {
    assert.equal(ask(plugin, question), null, question);
  }
});
