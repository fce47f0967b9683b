import assert from "node:assert/strict";
import { test } from "node:test";
import { type DesiredRulesInput, desiredRules } from "./desired_rules.ts";
import type { Rule } from "./rule.ts";

const IPV4 = "192.0.2.10";
const INPUT: DesiredRulesInput = {
  addresses: [IPV4],
  port: 53,
  healthPort: 8080,
  lease: "tun",
  fallbacks: new Map(),
};

function texts(rules: readonly Rule[], table?: string): string[] {
  const shown = rules.filter((rule) => table === undefined || rule.table === table);
  return shown.map(({ table, chain, words }) => `${table} ${chain} ${words.join(" ")}`);
}

const local = "-m addrtype --dst-type LOCAL";
const query = (protocol: string) => `-d 192.0.2.10/32 -p ${protocol} -m ${protocol} --dport 53`;
const answer = (protocol: string) => `-s 192.0.2.10/32 -p ${protocol} -m ${protocol} --sport 53`;
const ALWAYS = [
  `raw OUTPUT ${answer("udp")} -j NOTRACK`,
  `raw OUTPUT ${answer("tcp")} -j NOTRACK`,
  `filter INPUT ${query("udp")} ${local} -j ACCEPT`,
  `filter INPUT ${query("tcp")} ${local} -j ACCEPT`,
  `filter OUTPUT ${answer("udp")} -j ACCEPT`,
  `filter OUTPUT ${answer("tcp")} -j ACCEPT`,
  `raw OUTPUT -d 192.0.2.10/32 -p tcp -m tcp --dport 8080 ${local} -j NOTRACK`,
  "raw OUTPUT -s 192.0.2.10/32 -p tcp -m tcp --sport 8080 -j NOTRACK",
];

test("desiredRules() has the rules that each lease needs", () => {
  const ofAddress = ["PREROUTING", "OUTPUT"].flatMap((chain) =>
    ["udp", "tcp"].map((protocol) => {
      const link = chain === "OUTPUT" ? "-o lo " : "";
      return `raw ${chain} ${link}${query(protocol)} ${local} -j NOTRACK`;
    }),
  );
  const ofSocket = ["udp", "tcp"].map(
    (protocol) => `raw PREROUTING ${query(protocol)} ${local} -m socket --nowildcard -j NOTRACK`,
  );
  const cases = { tun: ofAddress, none: ofAddress, nft: [], socket: ofSocket };
  for (const [lease, own] of Object.entries(cases)) {
    const rules = desiredRules({ ...INPUT, lease: lease as DesiredRulesInput["lease"] });
    assert.deepEqual(texts(rules), [...own, ...ALWAYS], lease);
  }
});

test("desiredRules() leads addresses without a Service to endpoints of their family", () => {
  const endpoints = [
    { address: "192.0.2.53", port: 53 },
    { address: "2001:db8::53", port: 53 },
    { address: "192.0.2.54", port: 5353 },
    { address: "192.0.2.55", port: 53 },
  ];
  const fallbacks = new Map([[IPV4, endpoints]]);
  const chainTexts = (chain: string, when: string) =>
    ["udp", "tcp"].flatMap((protocol) => {
      const to = `-j DNAT --to-destination 192.0.2.5`;
      const share = "-m statistic --mode random --probability";
      const match = `nat ${chain} ${query(protocol)}${when}`;
      return [
        `${match} ${share} 0.33333 ${to}3:53`,
        `${match} ${share} 0.50000 ${to}4:5353`,
        `${match} ${to}5:53`,
      ];
    });
  const not = " -m addrtype ! --dst-type LOCAL";
  for (const [lease, when] of [
    ["tun", not],
    ["none", not],
    ["nft", ""],
    ["socket", ""],
  ] as const) {
    const rules = desiredRules({ ...INPUT, lease, fallbacks });
    const expected = [...chainTexts("PREROUTING", when), ...chainTexts("OUTPUT", when)];
    assert.deepEqual(texts(rules, "nat"), expected, lease);
  }
});

test("desiredRules() writes IPv6 with its own prefix and brackets", () => {
  const fallbacks = new Map([["2001:db8::a", [{ address: "2001:db8::53", port: 53 }]]]);
  const rules = desiredRules({ ...INPUT, addresses: [IPV4, "2001:db8::a"], fallbacks });
  const ipv6 = rules.filter(({ family }) => family === 6);
  assert.equal(ipv6[0].words.slice(0, 2).join(" "), "-d 2001:db8::a/128");
  assert.equal(ipv6.at(-1)?.words.at(-1), "[2001:db8::53]:53");
  assert.equal(rules.length - ipv6.length, 12);
});

test("desiredRules() leaves health checks out without a port for them", () => {
  assert.ok(
    !texts(desiredRules({ ...INPUT, healthPort: 0 })).some((text) => /8080| 0 /.test(text)),
  );
});

test("desiredRules() gives every rule a comment that needs no escapes, and a reason", () => {
  const fallbacks = new Map([[IPV4, [{ address: "192.0.2.53", port: 53 }]]]);
  for (const { comment, reason } of desiredRules({ ...INPUT, fallbacks })) {
    assert.match(comment, /^[A-Za-z0-9 ,.:-]+$/);
    assert.match(reason, /^[A-Za-z].*[^.]$/);
  }
});
