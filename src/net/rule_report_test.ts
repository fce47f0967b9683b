import assert from "node:assert/strict";
import { test } from "node:test";
import { desiredRules } from "./desired_rules.ts";
import { parseSavedRules, ruleText } from "./iptables_text.ts";
import { addressOf, reportRules } from "./rule_report.ts";

const ADDRESSES = ["192.0.2.10", "2001:db8::a"];
const DESIRED = desiredRules({
  addresses: ADDRESSES,
  port: 53,
  healthPort: 8080,
  lease: "tun",
  fallbacks: new Map(),
});

function asSaved(rule: (typeof DESIRED)[number]) {
  const text = `*${rule.table}\n-A ${rule.chain} ${ruleText(rule)}\n`;
  return parseSavedRules(text, rule.family)[0];
}

test("reportRules() says by address what is there, missing, double and not wanted", () => {
  const [first, second, ...rest] = DESIRED.map(asSaved);
  const old = parseSavedRules(
    '*raw\n-A OUTPUT -s 192.0.2.99/32 -m comment --comment "nodens: old" -j NOTRACK\n' +
      '-A OUTPUT -m comment --comment "nodens: older" -j NOTRACK\n' +
      "-A OUTPUT -s 192.0.2.10/32 -j NOTRACK\n",
    4,
  );
  assert.deepEqual(reportRules(DESIRED, [second, second, ...rest, ...old]), [
    {
      address: "192.0.2.10",
      presentCount: 11,
      missing: [DESIRED[0]],
      double: [second],
      unwanted: [],
    },
    { address: "2001:db8::a", presentCount: 12, missing: [], double: [], unwanted: [] },
    { address: "192.0.2.99", presentCount: 0, missing: [], double: [], unwanted: [old[0]] },
    { address: null, presentCount: 0, missing: [], double: [], unwanted: [old[1]] },
  ]);
  assert.equal(reportRules(DESIRED, [first, second, ...rest])[0].presentCount, 12);
});

test("addressOf() finds source or destination", () => {
  assert.equal(addressOf(["-p", "udp", "-s", "2001:DB8::A/128"]), "2001:db8::a");
  assert.equal(addressOf(["-d", "192.0.2.1", "-j", "ACCEPT"]), "192.0.2.1");
  assert.equal(addressOf(["-j", "ACCEPT"]), null);
  assert.equal(addressOf(["-d"]), null);
});
