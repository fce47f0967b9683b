import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSavedRules } from "./iptables_text.ts";
import { nodeCacheRules } from "./node_cache_rules.ts";

const isOfNodeCache = nodeCacheRules({
  addresses: ["192.0.2.10", "2001:db8::a"],
  port: 53,
  healthPort: 8080,
});

function check(table: string, text: string, family: 4 | 6 = 4): boolean {
  return isOfNodeCache(parseSavedRules(`*${table}\n-A ${text}\n`, family)[0]);
}

test("nodeCacheRules() knows node-cache by its comments, whatever the address", () => {
  for (const text of ["skip conntrack", "allow DNS traffic"]) {
    const comment = `-m comment --comment "NodeLocal DNS Cache: ${text}"`;
    assert.ok(
      check("raw", `OUTPUT -s 192.0.2.99/32 -p tcp -m tcp --sport 53 ${comment} -j NOTRACK`),
    );
  }
});

test("nodeCacheRules() knows the twelve rules from before there were comments", () => {
  const address = "192.0.2.10/32";
  const shapes = ["udp", "tcp"].flatMap((protocol) => [
    `raw PREROUTING -d ${address} -p ${protocol} -m ${protocol} --dport 53 -j NOTRACK`,
    `filter INPUT -d ${address} -p ${protocol} -m ${protocol} --dport 53 -j ACCEPT`,
    `raw OUTPUT -s ${address} -p ${protocol} -m ${protocol} --sport 53 -j NOTRACK`,
    `filter OUTPUT -s ${address} -p ${protocol} -m ${protocol} --sport 53 -j ACCEPT`,
    `raw OUTPUT -d ${address} -p ${protocol} -m ${protocol} --dport 53 -j CT --notrack`,
  ]);
  shapes.push(`raw OUTPUT -d ${address} -p tcp -m tcp --dport 8080 -j NOTRACK`);
  shapes.push(`raw OUTPUT -s ${address} -p tcp -m tcp --sport 8080 -j NOTRACK`);
  for (const shape of shapes) {
    const [table, ...words] = shape.split(" ");
    assert.ok(check(table, words.join(" ")), shape);
    const ipv6 = words.join(" ").replace(address, "2001:db8::a/128");
    assert.ok(check(table, ipv6, 6), ipv6);
  }
});

test("nodeCacheRules() leaves the rules of others alone", () => {
  for (const text of [
    "OUTPUT -d 192.0.2.99/32 -p udp -m udp --dport 53 -j NOTRACK",
    "OUTPUT -d 192.0.2.10/32 -p udp -m udp --dport 5353 -j NOTRACK",
    "OUTPUT -d 192.0.2.10/32 -p udp -m udp --dport 53 -j ACCEPT",
    "OUTPUT -d 192.0.2.10/32 -o eth0 -p udp -m udp --dport 53 -j NOTRACK",
    "OUTPUT -d 192.0.2.10/32 -p udp -m udp --dport 53 -m comment --comment mine -j NOTRACK",
    'OUTPUT -m comment --comment "not NodeLocal DNS Cache: skip" -j NOTRACK',
  ]) {
    assert.ok(!check("raw", text), text);
  }
});
