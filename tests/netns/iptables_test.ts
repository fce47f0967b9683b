/** Our rules in the real kernel, by both iptables, each time in a namespace of its own. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { desiredRules } from "../../src/net/desired_rules.ts";
import { EVERYTHING, Iptables } from "../../src/net/iptables.ts";
import type { BackendName } from "../../src/net/iptables_backend.ts";
import { type Endpoint, type Family, LEASE_KINDS, type LeaseKind } from "../../src/net/settings.ts";
import { cleanUp } from "../support/clean_up.ts";
import { NetworkNamespace } from "./support/network_namespace.ts";

const BACKENDS: readonly BackendName[] = ["nft", "legacy"];
const ADDRESSES = ["192.0.2.10", "198.51.100.10", "2001:db8::a", "2001:db8::b"];
const NOTHING = { add: [], remove: [] };

// Legacy has one lock for all namespaces; a test must not wait for that of another.
const lockFolder = mkdtempSync(join(tmpdir(), "nodens-test-"));
process.env.XTABLES_LOCKFILE = join(lockFolder, "lock");
process.on("exit", () => rmSync(lockFolder, { recursive: true }));

function rulesFor(lease: LeaseKind, addresses: readonly string[] = ADDRESSES) {
  const endpoints: Endpoint[] = [1, 2, 3].flatMap((number) => [
    { address: `203.0.113.${number}`, port: 53 },
    { address: `2001:db8:1::${number}`, port: 5353 },
  ]);
  const fallbacks = new Map(addresses.map((address) => [address, endpoints]));
  return desiredRules({ addresses, port: 53, healthPort: 8080, lease, fallbacks });
}

class Node {
  readonly namespace = new NetworkNamespace();
  readonly backend: BackendName;

  constructor(backend: BackendName) {
    this.backend = backend;
  }

  /** With the rules of others, and the hint that kubelet leaves. */
  static async start(context: TestContext, backend: BackendName): Promise<Node> {
    const node = new Node(backend);
    cleanUp(context, () => node.namespace.remove());
    for (const family of [4, 6] as const) {
      await node.iptables(family, "-t mangle -N KUBE-IPTABLES-HINT");
      await node.iptables(family, "-t raw -A PREROUTING -p udp -m udp --dport 53 -j NOTRACK");
      await node.iptables(family, "-A INPUT -p udp -m udp --dport 53 -j ACCEPT");
      await node.iptables(family, "-t nat -A PREROUTING -p udp --dport 5300 -j REDIRECT");
    }
    return node;
  }

  async iptables(family: Family, words: string): Promise<void> {
    const program = `${family === 4 ? "iptables" : "ip6tables"}-${this.backend}`;
    await this.namespace.run(program, ...words.split(" "));
  }

  /** Rules as iptables prints them, with their tables, in its order. */
  async rules(family: Family, backend = this.backend): Promise<string[]> {
    const program = `${family === 4 ? "iptables" : "ip6tables"}-${backend}-save`;
    const lines = (await this.namespace.run(program)).split("\n");
    let table = "";
    return lines.flatMap((line) => {
      if (line.startsWith("*")) table = line.slice(1);
      return line.startsWith("-A") ? [`${table} ${line.slice(3)}`] : [];
    });
  }

  async allRules(): Promise<string[]> {
    return [...(await this.rules(4)), ...(await this.rules(6))];
  }
}

function isOurs(rule: string): boolean {
  return rule.includes('"nodens: ');
}

/** Rules in any order, and the options of each in any order. */
function inAnyOrder(rules: readonly string[]): string[] {
  return rules.map((rule) => rule.split(" ").sort().join(" ")).sort();
}

/** Rules of one address, lease `tun`, as `iptables-save` prints them. */
function expectedRules(address: string, endpoint: string): string[] {
  const local = "-m addrtype --dst-type LOCAL";
  const skip = '-m comment --comment "nodens: skip conntrack" -j NOTRACK';
  const allow = '-m comment --comment "nodens: allow DNS" -j ACCEPT';
  const comment = '-m comment --comment "nodens: fall back to kube-dns while nobody answers here"';
  const rules = ["udp", "tcp"].flatMap((protocol) => {
    const to = `-d ${address} -p ${protocol} -m ${protocol} --dport 53`;
    const from = `-s ${address} -p ${protocol} -m ${protocol} --sport 53`;
    const dnat = `${to} -m addrtype ! --dst-type LOCAL ${comment} -j DNAT`;
    return [
      `raw PREROUTING ${to} ${local} ${skip}`,
      `raw OUTPUT ${to.replace(" -p", " -o lo -p")} ${local} ${skip}`,
      `raw OUTPUT ${from} ${skip}`,
      `filter INPUT ${to} ${local} ${allow}`,
      `filter OUTPUT ${from} ${allow}`,
      `nat PREROUTING ${dnat} --to-destination ${endpoint}`,
      `nat OUTPUT ${dnat} --to-destination ${endpoint}`,
    ];
  });
  return [
    ...rules,
    `raw OUTPUT -d ${address} -p tcp -m tcp --dport 8080 ${local} ${skip}`,
    `raw OUTPUT -s ${address} -p tcp -m tcp --sport 8080 ${skip}`,
  ].sort();
}

for (const backend of BACKENDS) {
  test(`${backend}: reconcile() installs the rules of node-cache, bound to addresses`, async (t) => {
    const node = await Node.start(t, backend);
    const fallbacks = new Map([
      ["192.0.2.10", [{ address: "203.0.113.1", port: 53 }]],
      ["2001:db8::a", [{ address: "2001:db8:1::1", port: 53 }]],
    ]);
    const addresses = [...fallbacks.keys()];
    const input = { addresses, port: 53, healthPort: 8080, lease: "tun", fallbacks } as const;
    await new Iptables({ machine: node.namespace }).reconcile(desiredRules(input));
    const ipv4 = (await node.rules(4)).filter(isOurs);
    const ipv6 = (await node.rules(6)).filter(isOurs);
    assert.deepEqual(ipv4.sort(), expectedRules("192.0.2.10/32", "203.0.113.1:53"));
    assert.deepEqual(ipv6.sort(), expectedRules("2001:db8::a/128", "[2001:db8:1::1]:53"));
  });

  test(`${backend}: reconcile() knows the rules of every lease again, and leaves nothing`, async (t) => {
    const node = await Node.start(t, backend);
    const iptables = new Iptables({ machine: node.namespace });
    const before = await node.allRules();
    for (const lease of LEASE_KINDS) {
      await iptables.reconcile(rulesFor(lease));
      assert.deepEqual(await iptables.reconcile(rulesFor(lease)), NOTHING, lease);
      const others = (await node.allRules()).filter((rule) => !isOurs(rule));
      assert.deepEqual(others, before, lease);
    }
    await iptables.reconcile([]);
    assert.deepEqual(await node.allRules(), before);
    const other = BACKENDS.find((name) => name !== backend);
    assert.deepEqual(await node.rules(4, other), []);
  });

  test(`${backend}: reconcile() mends what others delete, double and shuffle`, async (t) => {
    const node = await Node.start(t, backend);
    const iptables = new Iptables({ machine: node.namespace });
    const desired = rulesFor("socket");
    await iptables.reconcile(desired);
    const whole = await node.allRules();
    for (const family of [4, 6] as const) {
      const [host, block] = family === 4 ? ["192.0.2.10", "/32"] : ["2001:db8::a", "/128"];
      await node.iptables(family, "-t raw -F OUTPUT");
      await node.iptables(family, "-D OUTPUT 1");
      await node.iptables(family, "-t nat -D PREROUTING 2");
      const accept = `-d ${host}${block} -p tcp --dport 53 -j ACCEPT -m comment --comment`;
      const input = [...accept.split(" "), "nodens: allow DNS"];
      const program = `${family === 4 ? "iptables" : "ip6tables"}-${backend}`;
      for (const extra of [input, [...input, "-m", "addrtype", "--dst-type", "LOCAL"]]) {
        await node.namespace.run(program, "-I", "INPUT", ...extra);
      }
    }
    await iptables.reconcile(desired);
    assert.deepEqual(inAnyOrder(await node.allRules()), inAnyOrder(whole));
    const shares = (await node.rules(4)).filter((rule) =>
      rule.startsWith("nat PREROUTING -d 192.0.2.10/32 -p udp"),
    );
    const targets = shares.map((rule) => rule.split(" ").at(-1));
    assert.deepEqual(targets, ["203.0.113.1:53", "203.0.113.2:53", "203.0.113.3:53"]);
    assert.deepEqual(await iptables.reconcile(desired), NOTHING);
  });

  test(`${backend}: sweep() removes what is left in the other backend and in nat`, async (t) => {
    const node = await Node.start(t, backend);
    const other = BACKENDS.find((name) => name !== backend) as BackendName;
    for (const program of [`iptables-${other}`, `ip6tables-${backend}`]) {
      for (const comment of ["nodens: old", "mine"]) {
        const target = "OUTPUT -j ACCEPT -m comment --comment".split(" ");
        await node.namespace.run(program, "-t", "nat", "-A", ...target, comment);
      }
    }
    const iptables = new Iptables({ machine: node.namespace });
    const { add, remove } = await iptables.sweep([]);
    assert.deepEqual([add.length, remove.length], [0, 2]);
    const all = [...(await node.rules(4, other)), ...(await node.rules(6))];
    assert.equal(all.filter(isOurs).length, 0);
    assert.equal(all.filter((rule) => rule.includes("mine")).length, 2);
  });
}

test("legacy: reconcile() waits for the lock of others, says so, and works afterwards", async (t) => {
  const node = await Node.start(t, "legacy");
  const holder = spawn("flock", [process.env.XTABLES_LOCKFILE as string, "sleep", "60"], {
    detached: true,
  });
  const release = async () => {
    if (holder.exitCode !== null || holder.signalCode !== null) return;
    process.kill(-(holder.pid as number), "SIGKILL");
    await once(holder, "close");
  };
  cleanUp(t, release);
  const desired = rulesFor("tun");
  const patient = new Iptables({ machine: node.namespace, lockWaitSec: 30, timeoutMs: 1_000 });
  await assert.rejects(patient.reconcile(desired), {
    errorType: "iptables",
    message: /^Cannot set up iptables rules: ip6?tables-legacy-restore did not end within 1 s: /,
  });
  const iptables = new Iptables({ machine: node.namespace, lockWaitSec: 1 });
  await assert.rejects(iptables.reconcile(desired), {
    errorType: "iptables_lock",
    message: /another program is holding the xtables lock for more than 1 s: it is tried again$/,
  });
  await release();
  await iptables.reconcile(desired);
  assert.equal((await iptables.observe(EVERYTHING)).length, desired.length);
});
