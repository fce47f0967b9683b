import assert from "node:assert/strict";
import { test } from "node:test";
import { SimIptables } from "../../tests/support/sim_iptables.ts";
import type { ConfigNote } from "../handoff/config_note.ts";
import { desiredRules } from "../net/desired_rules.ts";
import { readStatus } from "../net/interception_status.ts";
import { ruleText } from "../net/iptables_text.ts";
import type { LeaseKind } from "../net/settings.ts";
import { statusCommand } from "./status_command.ts";
import { readStatusOptions } from "./status_flags.ts";

const ADDRESS = "192.0.2.10";
const OURS = "instance=5eed worker=1 version=0.1.0";
const ENDPOINTS = [
  { address: "203.0.113.1", port: 53 },
  { address: "203.0.113.2", port: 5300 },
];

interface Node {
  readonly kind: string | null;
  /** Default `nodelocaldns`. */
  readonly linkName?: string;
  readonly lease?: LeaseKind;
  readonly held?: readonly string[];
  /** Changes the rules of a table before it is looked at. */
  readonly change?: (table: string, rules: string[]) => string[];
  readonly answer?: string | null;
  /** What is said of the configuration, by address. */
  readonly configs?: Readonly<Record<string, ConfigNote>>;
}

/** A node on which all rules for ADDRESS are there. */
function toolsOf(node: Node) {
  const { kind, lease = "tun", held = [ADDRESS], change = (_, rules) => rules } = node;
  const { linkName: name = "nodelocaldns" } = node;
  const machine = new SimIptables();
  const fallbacks = new Map([[ADDRESS, ENDPOINTS]]);
  const addresses = [ADDRESS];
  const wanted = desiredRules({ addresses, port: 53, healthPort: 8080, lease, fallbacks });
  for (const table of ["raw", "filter", "nat"]) {
    const rules = wanted.filter((rule) => rule.table === table);
    const texts = rules.map((rule) => `${rule.chain} ${ruleText(rule)}`);
    machine.tables.set(`nft 4 ${table}`, change(table, texts));
  }
  const link = { index: 7, name, isUp: true, isMultiQueue: true, master: 0 };
  const links = {
    findLink: (wanted: string | number) =>
      kind === null || ![7, name].includes(wanted) ? null : { ...link, kind },
    links: () => [],
    addresses: () =>
      held.map((address) => ({ address, prefixLength: 32, linkIndex: 7, scope: 254 })),
    deleteLink: () => assert.fail("status changes nothing"),
  };
  return { machine, links };
}

async function run(node: Node, values: Record<string, unknown> = {}) {
  const out: string[] = [];
  const terminal = { out: (text: string) => void out.push(text), error: assert.fail };
  const { answer = OURS, configs = {} } = node;
  const options = readStatusOptions(values);
  const code = await statusCommand(options, terminal, toolsOf(node), {
    whoAnswers: async () => answer,
    whichConfig: async (address) => configs[address] ?? null,
  });
  return { code, out };
}

const FALLS_BACK = "falls back to 203.0.113.1:53, 203.0.113.2:5300";
const ANSWERED = "answered by nodens 0.1.0 (instance 5eed)";

test("statusCommand() shows lease, rules, fallback and who answers", async () => {
  const { code, out } = await run({ kind: "tun" });
  assert.deepEqual(out, [
    "lease    tun, nodelocaldns (tun, up)",
    `address  ${ADDRESS}: local; 20 of 20 rules; ${FALLS_BACK}; ${ANSWERED}`,
  ]);
  assert.equal(code, 0);
});

test("statusCommand() says what is missing, double and unwanted, with exit code 1", async () => {
  const change = (table: string, rules: string[]) =>
    table === "raw"
      ? [
          ...rules.slice(1),
          rules[1]!,
          'OUTPUT -s 192.0.2.10/32 -m comment --comment "nodens: old" -j LOG',
        ]
      : rules;
  const { code, out } = await run({ kind: "tun", change });
  const drift = out.filter((line) => line.startsWith("drift"));
  assert.equal(drift.length, 3);
  assert.match(drift[0]!, /: missing raw PREROUTING -d 192\.0\.2\.10\/32 -p udp /);
  assert.match(drift[1]!, /: double raw /);
  assert.match(drift[2]!, /: unwanted raw OUTPUT .* -j LOG$/);
  assert.equal(code, 1);
});

test("statusCommand() finds the link that has another name, but for that of kube-proxy", async () => {
  const found = await run({ kind: "tun", linkName: "nodelocaldns0" });
  assert.deepEqual(found.out, [
    "lease    tun, nodelocaldns0 (tun, up)",
    `address  ${ADDRESS}: local; 20 of 20 rules; ${FALLS_BACK}; ${ANSWERED}`,
  ]);
  const { out } = await run({ kind: "dummy", linkName: "kube-ipvs0" });
  assert.equal(out[0], "lease    none in force, no link");
});

test("statusCommand() tells what a killed process left: rules that are left over", async () => {
  const { code, out } = await run({ kind: null, answer: "" });
  assert.deepEqual(out, [
    "lease    none in force, no link",
    `address  ${ADDRESS}: not local; 20 of 20 rules, left over; ` +
      `${FALLS_BACK}; answered by somebody else`,
  ]);
  assert.equal(code, 0);
});

test("statusCommand() returns 1 when nobody or somebody else answers at a local address", async () => {
  for (const [answer, text] of [
    [null, "nobody answers"],
    ["", "answered by somebody else"],
  ] as const) {
    const { code, out } = await run({ kind: "tun", answer });
    assert.equal(code, 1);
    assert.ok(out[1]!.endsWith(text), out[1]);
  }
});

test("statusCommand() finds nothing on a node without anything, and prints the same as JSON", async () => {
  const change = () => [];
  assert.deepEqual(await run({ kind: null, held: [], change }), {
    code: 0,
    out: ["nothing is taken over on this node"],
  });
  const { out } = await run({ kind: "tun" }, { json: true });
  const { ok, lease, addresses } = JSON.parse(out.join("\n"));
  assert.deepEqual([ok, lease, addresses.length], [true, "tun", 1]);
  assert.equal(addresses[0].answer, OURS);
});

const CONFIG: ConfigNote = {
  generation: 3,
  loaded: "2026-11-25T08:00:00Z",
  sha512: "0123456789ab",
  failed: 0,
  problem: "",
};

test("statusCommand() shows the configuration in effect, and why another one is not", async () => {
  const configs = { [ADDRESS]: CONFIG, "127.0.0.1": CONFIG };
  const { out } = await run({ kind: "tun", configs });
  const line = "config   number 3, in effect since 2026-11-25T08:00:00Z, SHA512 0123456789ab";
  assert.deepEqual(out.slice(2), [line]);
  const nothing = { kind: null, held: [], change: () => [] };
  const problem = 'Corefile:5:5: Unknown directive "cahce"';
  const refused = { ...CONFIG, failed: 2, problem };
  const node = { ...nothing, configs: { "127.0.0.1": refused } };
  assert.deepEqual(await run(node), {
    code: 0,
    out: [
      "nothing is taken over on this node",
      line,
      `refused  ${problem} (refused 2 times in all)`,
    ],
  });
  const { out: json } = await run(node, { json: true });
  assert.deepEqual(JSON.parse(json.join("\n")).configs, [refused]);
});

test("readStatus() infers the lease from what is there", async () => {
  const request = readStatusOptions({});
  const leaseOf = async (node: Node) => (await readStatus(request, toolsOf(node))).lease;
  assert.equal(await leaseOf({ kind: "tun" }), "tun");
  assert.equal(await leaseOf({ kind: "dummy", lease: "socket" }), "socket");
  assert.equal(await leaseOf({ kind: "dummy", lease: "none" }), "none");
  assert.equal(await leaseOf({ kind: "dummy", held: [] }), null);
});
