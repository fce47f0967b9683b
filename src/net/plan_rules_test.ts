import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { desiredRules } from "./desired_rules.ts";
import { parseSavedRules, ruleKey, ruleText, type SavedRule } from "./iptables_text.ts";
import { planRules, restoreText } from "./plan_rules.ts";
import type { Rule } from "./rule.ts";

const DESIRED = desiredRules({
  addresses: ["192.0.2.10", "192.0.2.11"],
  port: 53,
  healthPort: 8080,
  lease: "tun",
  fallbacks: new Map([
    [
      "192.0.2.10",
      [
        { address: "192.0.2.53", port: 53 },
        { address: "192.0.2.54", port: 53 },
      ],
    ],
  ]),
});

function saved(table: string, text: string): SavedRule {
  return parseSavedRules(`*${table}\n-A ${text}\nCOMMIT\n`, 4)[0];
}

function asSaved(rule: Rule): SavedRule {
  return saved(rule.table, `${rule.chain} ${ruleText(rule)}`);
}

const FOREIGN = saved("raw", "OUTPUT -d 192.0.2.10/32 -p udp --dport 53 -j NOTRACK");

test("planRules() adds all at first and has nothing to do afterwards", () => {
  const { add, remove } = planRules(DESIRED, [FOREIGN]);
  assert.deepEqual(new Set(add), new Set(DESIRED));
  assert.deepEqual(remove, []);
  const observed = [FOREIGN, ...DESIRED.map(asSaved)];
  assert.deepEqual(planRules(DESIRED, observed), { add: [], remove: [] });
});

test("planRules() removes what is double or not wanted, and leaves others' rules alone", () => {
  const observed = DESIRED.map(asSaved);
  const old = saved("filter", 'KUBE-X -m comment --comment "nodens: old" -j ACCEPT');
  const plan = planRules(DESIRED, [FOREIGN, observed[0], old, ...observed]);
  assert.deepEqual(plan, { add: [], remove: [observed[0], old] });
  assert.deepEqual(planRules([], [FOREIGN, ...observed]).remove.length, DESIRED.length);
});

test("planRules() makes a chain of nat anew when one of its rules is missing or out of order", () => {
  const observed = DESIRED.map(asSaved);
  const isNat = (rule: { table: string; chain: string }) =>
    rule.table === "nat" && rule.chain === "OUTPUT";
  const ofNat = observed.filter(isNat);
  const others = observed.filter((rule) => !isNat(rule));
  for (const broken of [ofNat.slice(1), ofNat.toReversed(), [...ofNat, ofNat[0]]]) {
    const plan = planRules(DESIRED, [...others, ...broken]);
    assert.deepEqual(plan, { add: DESIRED.filter(isNat), remove: broken });
  }
});

test("planRules() brings any rules of ours to those that are desired, in one step", () => {
  const pool = [...DESIRED.map(asSaved), FOREIGN];
  pool.push(saved("raw", 'PREROUTING -m comment --comment "nodens: old" -j ACCEPT'));
  const subset = fc.array(fc.constantFrom(...pool), { maxLength: 40 });
  fc.assert(
    fc.property(subset, (observed) => {
      const { add, remove } = planRules(DESIRED, observed);
      const left = [...observed];
      for (const rule of remove) left.splice(left.indexOf(rule), 1);
      const keys = [...left.filter((rule) => rule !== FOREIGN), ...add].map(ruleKey);
      assert.deepEqual(keys.sort(), DESIRED.map(ruleKey).sort());
      const foreign = (rules: readonly SavedRule[]) => rules.filter((rule) => rule === FOREIGN);
      assert.equal(foreign(left).length, foreign(observed).length);
    }),
  );
});

test("restoreText() has each changed table once, removals first, additions at the head in order", () => {
  const [first, second] = DESIRED.filter(({ table }) => table === "raw");
  const accept = DESIRED.find(({ table }) => table === "filter") as Rule;
  const plan = { add: [first, second, accept], remove: [asSaved(first)] };
  assert.equal(
    restoreText(plan),
    [
      "*filter",
      `-I INPUT 1 ${ruleText(accept)}`,
      "COMMIT",
      "*raw",
      `-D PREROUTING ${ruleText(first)}`,
      `-I PREROUTING 1 ${ruleText(first)}`,
      `-I PREROUTING 2 ${ruleText(second)}`,
      "COMMIT",
      "",
    ].join("\n"),
  );
  assert.equal(restoreText({ add: [], remove: [] }), "");
  assert.match(restoreText(plan, { explained: true }), new RegExp(`^# ${first.reason}$`, "m"));
});
