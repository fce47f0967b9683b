import assert from "node:assert/strict";
import { test } from "node:test";
import { SimIptables } from "../../tests/support/sim_iptables.ts";
import { detectBackend, legacyTables, programOf } from "./iptables_backend.ts";

const HINT = ":KUBE-IPTABLES-HINT - [0:0]";
const CANARY = ":KUBE-KUBELET-CANARY - [0:0]";

test("detectBackend() goes by the chains that kubelet leaves, nft before legacy", async () => {
  for (const [rules, expected] of [
    [{}, "nft"],
    [{ "nft 4 mangle": [HINT] }, "nft"],
    [{ "legacy 4 mangle": [CANARY] }, "legacy"],
    [{ "legacy 6 mangle": [HINT] }, "legacy"],
    [{ "nft 6 mangle": [CANARY], "legacy 4 mangle": [HINT] }, "nft"],
    [{ "legacy 4 mangle": [":KUBE-PROXY-CANARY - [0:0]"] }, "nft"],
  ] as const) {
    const machine = new SimIptables();
    for (const [key, lines] of Object.entries(rules)) machine.tables.set(key, [...lines]);
    const backend = await detectBackend(machine);
    assert.deepEqual(backend, { name: expected, isPlain: false }, JSON.stringify(rules));
  }
});

test("detectBackend() makes no table in legacy", async () => {
  const machine = new SimIptables();
  machine.tables.set("legacy 4 raw", []);
  await detectBackend(machine);
  assert.deepEqual([...machine.tables.keys()], ["legacy 4 raw"]);
  assert.ok(!machine.calls.some((call) => call.includes("legacy")), machine.calls.join("\n"));
});

test("detectBackend() takes the only one that is installed without a look", async () => {
  for (const name of ["nft", "legacy"]) {
    const machine = new SimIptables();
    for (const program of machine.installed) {
      if (!program.includes(name)) machine.installed.delete(program);
    }
    assert.equal((await detectBackend(machine)).name, name);
    assert.deepEqual(machine.calls, []);
  }
});

test("detectBackend() takes legacy where the kernel has no nft", async () => {
  const machine = new SimIptables();
  machine.intervene = (call) =>
    call.includes("nft") ? { code: 1, stderr: "Failed to initialize nft: not supported" } : null;
  assert.equal((await detectBackend(machine)).name, "legacy");
});

test("detectBackend() does not choose by a failure that may pass", async () => {
  const machine = new SimIptables();
  machine.intervene = (call) =>
    call.includes("nft") ? { code: 4, stderr: "Permission denied (you must be root)" } : null;
  assert.equal((await detectBackend(machine)).name, "nft");
  machine.intervene = () => ({ code: null, timedOut: true });
  await assert.rejects(detectBackend(machine), {
    errorType: "iptables",
    message:
      "Cannot set up iptables rules: the programs of iptables-nft do not end: it is tried again",
  });
});

test("detectBackend() asks programs without a name of their own for their version", async () => {
  for (const [version, expected] of [
    ["iptables v1.8.9 (nf_tables)", "nft"],
    ["iptables v1.8.9 (legacy)", "legacy"],
    ["iptables v1.6.1", "legacy"],
  ] as const) {
    const machine = new SimIptables();
    machine.installed.clear();
    machine.installed.add("iptables-save");
    machine.intervene = () => ({ stdout: `${version}\n` });
    const backend = await detectBackend(machine);
    assert.deepEqual(backend, { name: expected, isPlain: true });
    assert.equal(programOf(backend, 6, "restore"), "ip6tables-restore");
  }
});

test("detectBackend() says what to install when there is nothing", async () => {
  const machine = new SimIptables();
  machine.installed.clear();
  await assert.rejects(detectBackend(machine), {
    errorType: "iptables",
    message:
      "Cannot set up iptables rules: neither iptables-nft nor iptables-legacy is installed: " +
      "install the package iptables, or start with -setupiptables=false",
  });
});

test("legacyTables() is empty where the kernel has no list", () => {
  const machine = { commands: new SimIptables().commands, readFile: () => null };
  assert.deepEqual(legacyTables(machine, 6), []);
});
