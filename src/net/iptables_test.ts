import assert from "node:assert/strict";
import { test } from "node:test";
import { SimIptables } from "../../tests/support/sim_iptables.ts";
import { desiredRules } from "./desired_rules.ts";
import { EVERYTHING, Iptables } from "./iptables.ts";
import type { LeaseKind } from "./settings.ts";

const IPV4 = "192.0.2.10";
const IPV6 = "2001:db8::a";
const FALLBACKS = new Map([[IPV4, [{ address: "192.0.2.53", port: 53 }]]]);
const FOREIGN = "OUTPUT -d 192.0.2.10/32 -p udp -m udp --dport 53 -j NOTRACK";

function rulesFor(addresses: readonly string[], fallbacks = new Map(), lease: LeaseKind = "tun") {
  return desiredRules({ addresses, port: 53, healthPort: 8080, lease, fallbacks });
}

function start() {
  const machine = new SimIptables();
  machine.tables.set("nft 4 raw", [FOREIGN]);
  return { machine, iptables: new Iptables({ machine }) };
}

const BUSY = {
  code: 4,
  stderr: "Another app is currently holding the xtables lock. Stopped waiting after 5s.\n",
};

test("reconcile() installs with one change per family, and then only looks", async () => {
  const { machine, iptables } = start();
  const desired = rulesFor([IPV4, IPV6], FALLBACKS);
  const plan = await iptables.reconcile(desired);
  assert.equal(plan.add.length, desired.length);
  assert.deepEqual(await iptables.reconcile(desired), { add: [], remove: [] });
  assert.equal(machine.restores, 2);
  assert.equal((await iptables.observe(EVERYTHING)).length, desired.length);
  assert.ok(machine.rules("nft 4 raw").includes(FOREIGN));
});

test("reconcile() removes all of its own when nothing is wanted any more", async () => {
  const { machine, iptables } = start();
  await iptables.reconcile(rulesFor([IPV4, IPV6], FALLBACKS));
  const { remove } = await iptables.reconcile([]);
  assert.equal(remove.length, rulesFor([IPV4, IPV6], FALLBACKS).length);
  assert.deepEqual([...machine.tables.values()].flat(), [FOREIGN]);
});

test("reconcile() looks at no nat and at no other family without need", async () => {
  const { machine, iptables } = start();
  await iptables.reconcile(rulesFor([IPV4]));
  const looks = machine.calls.filter((call) => !call.includes("mangle"));
  assert.deepEqual(looks, [
    "iptables-nft-save -t raw",
    "iptables-nft-save -t filter",
    "iptables-nft-restore --noflush -w 5",
  ]);
});

test("reconcile() leaves what is spared, beside what it changes", async () => {
  const { machine } = start();
  const both = new Map([
    [IPV4, FALLBACKS.get(IPV4)!],
    ["198.51.100.10", [{ address: "192.0.2.54", port: 53 }]],
  ]);
  await new Iptables({ machine }).reconcile(rulesFor([...both.keys()], both));
  const left = machine.rules("nft 4 nat").filter((rule) => rule.includes("198.51.100.10"));
  const isSpared = ({ text }: { text: string }) => text.includes("-d 198.51.100.10/32");
  const moved = new Map([[IPV4, [{ address: "192.0.2.55", port: 53 }]]]);
  await new Iptables({ machine }).reconcile(rulesFor([IPV4], moved), { isSpared });
  const rules = machine.rules("nft 4 nat");
  assert.equal(left.length, 4);
  assert.deepEqual(
    rules.filter((rule) => rule.includes("198.51.100.10")),
    left,
  );
  const others = rules.filter((rule) => !left.includes(rule));
  assert.equal(others.length, 4);
  assert.ok(others.every((rule) => rule.endsWith("192.0.2.55:53")));
});

test("reconcile() called twice at once adds nothing twice", async () => {
  const { iptables } = start();
  const desired = rulesFor([IPV4]);
  const plans = await Promise.all([iptables.reconcile(desired), iptables.reconcile(desired)]);
  assert.deepEqual(
    plans.map(({ add }) => add.length),
    [desired.length, 0],
  );
});

test("reconcile() looks again when a rule is gone before it is removed", async () => {
  const { machine, iptables } = start();
  await iptables.reconcile(rulesFor([IPV4]));
  let looks = 0;
  machine.intervene = (call) => {
    if (call.includes("restore") && looks++ === 0) machine.rules("nft 4 raw").splice(0, 1);
    return null;
  };
  await iptables.reconcile([]);
  assert.equal(looks, 2);
  assert.deepEqual([...machine.tables.values()].flat(), [FOREIGN]);
});

test("reconcile() keeps what one table took when another fails, and goes on from there", async () => {
  const { machine, iptables } = start();
  const desired = rulesFor([IPV4]);
  let isFirst = true;
  machine.intervene = (call) => {
    if (!call.includes("restore") || !isFirst) return null;
    isFirst = false;
    machine.tables.set("nft 4 filter", ["INPUT -j ACCEPT"]);
    return { code: 1, stderr: "iptables-nft-restore: line 7 failed: No chain by that name.\n" };
  };
  await iptables.reconcile(desired);
  assert.equal((await iptables.observe(EVERYTHING)).length, desired.length);
  assert.ok(machine.rules("nft 4 filter").includes("INPUT -j ACCEPT"));
});

async function checkFailure(
  result: { code?: number | null; stderr?: string; timedOut?: boolean },
  expected: { errorType: string; message: string },
  verb = "restore",
): Promise<number> {
  const { machine, iptables } = start();
  machine.intervene = (call) => (call.includes(verb) ? result : null);
  await assert.rejects(iptables.reconcile(rulesFor([IPV4])), {
    errorType: expected.errorType,
    message: `Cannot set up iptables rules: ${expected.message}`,
  });
  return machine.calls.filter((call) => call.includes(verb)).length;
}

test("reconcile() says who is in the way, and leaves another try to its caller", async () => {
  const problem = "another program is holding the xtables lock for more than 5 s";
  const message = `${problem}: it is tried again`;
  assert.equal(await checkFailure(BUSY, { errorType: "iptables_lock", message }), 1);
  const limit = "iptables-nft-restore did not end within 10 s";
  const hung = { errorType: "iptables", message: `${limit}: it was killed and is tried again` };
  assert.equal(await checkFailure({ code: null, timedOut: true }, hung), 1);
  const hungSave = { ...hung, message: hung.message.replace("restore", "save") };
  await checkFailure({ code: null, timedOut: true }, hungSave, "save -t raw");
});

test("reconcile() gives up on what iptables refuses after three looks, and quotes it", async () => {
  const refused = {
    code: 1,
    stderr: "iptables-nft-restore: line 2 failed: No chain/target/match by that name.\n",
  };
  const rule = `-I INPUT 1 -d 192.0.2.10/32 -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL`;
  const message =
    "iptables-nft-restore failed: line 2 failed: No chain/target/match by that name: " +
    `${rule} -m comment --comment "nodens: allow DNS" -j ACCEPT`;
  assert.equal(await checkFailure(refused, { errorType: "iptables", message }), 3);
});

test("reconcile() says what is needed when iptables is forbidden or missing", async () => {
  const stderr =
    "iptables-nft-save v1.8.9 (nf_tables): Could not fetch rule set generation id: " +
    "Permission denied (you must be root)\n";
  await checkFailure(
    { code: 4, stderr },
    {
      errorType: "iptables",
      message:
        "iptables-nft-save may not: Could not fetch rule set generation id: " +
        "Permission denied (you must be root): run with the capability NET_ADMIN",
    },
    "save -t raw",
  );
  await checkFailure(
    { code: 127, stderr: "iptables-nft-restore: not found" },
    {
      errorType: "iptables",
      message:
        "iptables-nft-restore cannot be run: not found: " +
        "install the package iptables, or start with -setupiptables=false",
    },
  );
});

test("reconcile() misses a family only when there are addresses of it", async () => {
  const { machine, iptables } = start();
  const stderr = "ip6tables-nft-save: Failed to initialize nft: Protocol not supported\n";
  machine.intervene = (call) =>
    call.startsWith("ip6tables-nft-save") ? { code: 1, stderr } : null;
  await iptables.reconcile(rulesFor([IPV4]), { scope: EVERYTHING });
  assert.equal((await iptables.observe(EVERYTHING)).length, rulesFor([IPV4]).length);
  await assert.rejects(iptables.reconcile(rulesFor([IPV4, IPV6])), {
    errorType: "iptables",
    message: /ip6tables-nft-save failed: .*: leave IPv6 addresses out of -localip$/,
  });
});

test("sweep() removes what others' starts left in nat, the other family and the other backend", async () => {
  const { machine, iptables } = start();
  const ours = (text: string) => text.replace("-j", '-m comment --comment "nodens: old" -j');
  machine.tables.set("nft 4 nat", [ours("OUTPUT -j ACCEPT")]);
  machine.tables.set("nft 6 raw", [ours("OUTPUT -j NOTRACK"), "OUTPUT -j NOTRACK"]);
  machine.tables.set("legacy 4 filter", [ours("OUTPUT -j ACCEPT"), "OUTPUT -j DROP"]);
  const desired = rulesFor([IPV4]);
  await iptables.reconcile(desired);
  const { add, remove } = await iptables.sweep(desired);
  assert.deepEqual([add.length, remove.length], [0, 3]);
  assert.deepEqual(machine.rules("nft 4 nat"), []);
  assert.deepEqual(machine.rules("nft 6 raw"), ["OUTPUT -j NOTRACK"]);
  assert.deepEqual(machine.rules("legacy 4 filter"), ["OUTPUT -j DROP"]);
  assert.ok(!machine.tables.has("legacy 6 raw"));
});

test("backend() is looked for again after a failure", async () => {
  const { machine, iptables } = start();
  const all = [...machine.installed];
  machine.installed.clear();
  await assert.rejects(iptables.backend());
  for (const program of all) machine.installed.add(program);
  assert.equal((await iptables.backend()).name, "nft");
});
