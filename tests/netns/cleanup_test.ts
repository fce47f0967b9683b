/** `nodens rules` and `nodens cleanup` in the real kernel, each time in a namespace of its own. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { desiredRules } from "../../src/net/desired_rules.ts";
import { restoreText } from "../../src/net/plan_rules.ts";
import { runtimeName } from "../../src/sys/runtime.ts";
import { cleanUp } from "../support/clean_up.ts";
import { NetworkNamespace } from "./support/network_namespace.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const RUNTIME =
  runtimeName() === "deno"
    ? ["run", "-A", "--no-check", "--quiet"]
    : ["--disable-warning=ExperimentalWarning"];
const BACKENDS = ["nft", "legacy"];

function start(context: TestContext): NetworkNamespace {
  const namespace = new NetworkNamespace();
  cleanUp(context, () => namespace.remove());
  return namespace;
}

async function nodens(namespace: NetworkNamespace, ...args: readonly string[]) {
  const words = [...RUNTIME, MAIN, ...args];
  const { code, stdout, stderr } = await namespace.commands.run(process.execPath, words);
  return { code, lines: stdout.trimEnd().split("\n"), stderr };
}

/** All rules of both families and backends, as printed. */
async function allRules(namespace: NetworkNamespace): Promise<string[]> {
  const rules: string[] = [];
  for (const base of ["iptables", "ip6tables"]) {
    for (const backend of BACKENDS) {
      const text = await namespace.run(`${base}-${backend}-save`);
      rules.push(...text.split("\n").filter((line) => line.startsWith("-A")));
    }
  }
  return rules;
}

/** Those of node-cache for one address, as it makes them, without or with comments. */
async function addNodeCacheRules(namespace: NetworkNamespace, program: string, isOld: boolean) {
  const address = program.startsWith("ip6") ? "2001:db8::a" : "192.0.2.10";
  const comment = (text: string) =>
    isOld ? [] : ["-m", "comment", "--comment", `NodeLocal DNS Cache: ${text}`];
  for (const [chain, table, match] of [
    ...["tcp", "udp"].flatMap((protocol) => [
      ["PREROUTING", "raw", `-p ${protocol} -d ${address} --dport 53 -j NOTRACK`],
      ["INPUT", "filter", `-p ${protocol} -d ${address} --dport 53 -j ACCEPT`],
      ["OUTPUT", "raw", `-p ${protocol} -s ${address} --sport 53 -j NOTRACK`],
      ["OUTPUT", "filter", `-p ${protocol} -s ${address} --sport 53 -j ACCEPT`],
      ["OUTPUT", "raw", `-p ${protocol} -d ${address} --dport 53 -j NOTRACK`],
    ]),
    ["OUTPUT", "raw", `-p tcp -d ${address} --dport 8080 -j NOTRACK`],
    ["OUTPUT", "raw", `-p tcp -s ${address} --sport 8080 -j NOTRACK`],
  ]) {
    const text = table === "raw" ? "skip conntrack" : "allow DNS traffic";
    const words = ["-I", chain, "-t", table, ...match.split(" "), ...comment(text)];
    await namespace.run(program, "-w", "5", ...words);
  }
}

async function addOurRules(namespace: NetworkNamespace, backend: string): Promise<void> {
  const endpoint = { address: "203.0.113.1", port: 53 };
  const input = { addresses: ["192.0.2.10"], port: 53, healthPort: 8080, lease: "tun" } as const;
  const fallbacks = new Map([["192.0.2.10", [endpoint]]]);
  const text = restoreText({ add: desiredRules({ ...input, fallbacks }), remove: [] });
  const program = `iptables-${backend}-restore`;
  const result = await namespace.commands.run(program, ["--noflush"], { input: text });
  assert.equal(result.code, 0, result.stderr);
}

test("nodens rules prints what iptables-restore of either backend takes", async (t) => {
  const namespace = start(t);
  for (const lease of ["auto", "nft", "socket", "none"]) {
    for (const [base, address, fallback] of [
      ["iptables", "169.254.20.10", "192.0.2.1,192.0.2.2:5353,192.0.2.3"],
      ["ip6tables", "fe80::a", "2001:db8::1,[2001:db8::2]:5353"],
    ]) {
      const flags = ["-lease", lease, "-localip", address, "-fallback", fallback];
      const { code, lines, stderr } = await nodens(namespace, "rules", ...flags);
      assert.equal(code, 0, stderr);
      for (const backend of BACKENDS) {
        const program = `${base}-${backend}-restore`;
        const input = `${lines.join("\n")}\n`;
        const result = await namespace.commands.run(program, ["--noflush", "--test"], { input });
        assert.equal(result.code, 0, `${program}: ${result.stderr}\n${input}`);
      }
    }
  }
  assert.deepEqual(await allRules(namespace), []);
});

test("nodens cleanup removes all of nodens and node-cache, and nothing else", async (t) => {
  const namespace = start(t);
  for (const base of ["iptables", "ip6tables"]) {
    for (const backend of BACKENDS) {
      const foreign = "-t raw -A OUTPUT -p udp --dport 53 -j NOTRACK".split(" ");
      await namespace.run(`${base}-${backend}`, ...foreign);
    }
  }
  const before = await allRules(namespace);
  await addNodeCacheRules(namespace, "iptables-nft", false);
  await addNodeCacheRules(namespace, "ip6tables-legacy", true);
  await addOurRules(namespace, "nft");
  await addOurRules(namespace, "legacy");
  await namespace.run("nft", "add", "table", "ip", "nodens-1");
  // A bridge stands in where the kernel has no dummy.
  await namespace.run("ip", "link", "add", "nodelocaldns", "type", "bridge");
  for (const address of ["192.0.2.10/32", "2001:db8::a/128"]) {
    await namespace.run("ip", "addr", "add", address, "dev", "nodelocaldns");
  }
  const full = await allRules(namespace);

  const dry = await nodens(namespace, "cleanup", "-dry-run");
  assert.equal(dry.code, 1, dry.stderr);
  assert.deepEqual(await allRules(namespace), full);
  const { code, lines, stderr } = await nodens(namespace, "cleanup");
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    lines,
    dry.lines.map((line) => line.replace("would remove", "removed")),
  );
  assert.deepEqual(lines.slice(0, 2), [
    "removed link nodelocaldns (bridge, 192.0.2.10, 2001:db8::a)",
    "removed table ip nodens-1 of nftables",
  ]);
  assert.equal(lines.length, 2 + full.length - before.length);
  assert.deepEqual(await allRules(namespace), before);
  assert.doesNotMatch(await namespace.run("ip", "link"), /nodelocaldns/);
  assert.doesNotMatch(await namespace.run("nft", "list", "tables"), /nodens/);
  const again = await nodens(namespace, "cleanup");
  assert.deepEqual(again.lines, ["nothing of nodens or node-cache is left"]);
});

test("nodens cleanup takes no address from a process that answers there", async (t) => {
  const namespace = start(t);
  await addOurRules(namespace, "nft");
  await namespace.run("ip", "link", "set", "lo", "up");
  await namespace.run("ip", "addr", "add", "192.0.2.10/32", "dev", "lo");
  const listen =
    'const s = require("node:dgram").createSocket("udp4");' +
    's.bind(53, "192.0.2.10", () => console.log("here"));';
  const args = runtimeName() === "deno" ? ["eval", `--ext=cjs`, listen] : ["-e", listen];
  const child = spawn("nsenter", [namespace.entrance, process.execPath, ...args]);
  cleanUp(t, async () => {
    child.kill("SIGKILL");
    await once(child, "close");
  });
  await once(child.stdout, "data");
  const full = await allRules(namespace);
  const { code, stderr } = await nodens(namespace, "cleanup");
  assert.equal(code, 1);
  const user = "a process listens on port 53 of 192.0.2.10";
  assert.equal(stderr, `nodens: Cannot clean up: ${user}: stop it first, or use -force\n`);
  assert.deepEqual(await allRules(namespace), full);
  const forced = await nodens(namespace, "cleanup", "-force");
  assert.equal(forced.code, 0, forced.stderr);
  assert.deepEqual(await allRules(namespace), []);
});
