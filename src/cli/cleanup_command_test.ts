import assert from "node:assert/strict";
import { test } from "node:test";
import { SimIptables } from "../../tests/support/sim_iptables.ts";
import { cleanupCommand } from "./cleanup_command.ts";
import { readCleanupOptions } from "./cleanup_flags.ts";

const OURS = 'OUTPUT -s 192.0.2.10/32 -m comment --comment "nodens: old" -j NOTRACK';
const RULE = `rule iptables-nft -t raw ${OURS}`;

function makeNode(rules: readonly string[] = [OURS], kind: string | null = null) {
  const machine = new SimIptables();
  machine.tables.set("nft 4 raw", [...rules]);
  const link = { index: 7, name: "nodelocaldns", isUp: true, isMultiQueue: false, master: 0 };
  const links = {
    findLink: () => (kind === null ? null : { ...link, kind }),
    links: () => [],
    addresses: () => [],
    deleteLink: () => {
      kind = null;
      return { code: 0, detail: "", messages: [] };
    },
  };
  return { machine, links };
}

async function run(node: ReturnType<typeof makeNode>, values: Record<string, unknown> = {}) {
  const out: string[] = [];
  const error: string[] = [];
  const terminal = {
    out: (text: string) => out.push(text),
    error: (text: string) => error.push(text),
  };
  const code = await cleanupCommand(readCleanupOptions(values), terminal, node);
  return { code, out, error };
}

test("cleanupCommand() removes what is left, and finds nothing the second time", async () => {
  const node = makeNode([OURS], "dummy");
  const out = ["removed link nodelocaldns (dummy)", `removed ${RULE}`];
  assert.deepEqual(await run(node), { code: 0, out, error: [] });
  const nothing = ["nothing of nodens or node-cache is left"];
  assert.deepEqual(await run(node), { code: 0, out: nothing, error: [] });
});

test("cleanupCommand() changes nothing in a dry run", async () => {
  const node = makeNode([OURS], "dummy");
  const out = ["would remove link nodelocaldns (dummy)", `would remove ${RULE}`];
  assert.deepEqual(await run(node, { "dry-run": true }), { code: 1, out, error: [] });
  assert.deepEqual(node.machine.rules("nft 4 raw"), [OURS]);
  assert.equal(node.machine.restores, 0);
});

test("cleanupCommand() takes nothing from a process without -force", async () => {
  const node = makeNode([OURS], "tun");
  const problem = "nodens: Cannot clean up: a process holds the device nodelocaldns";
  const error = [`${problem}: stop it first, or use -force`];
  assert.deepEqual(await run(node), { code: 1, out: [], error });
  const inUse = "in use: a process holds the device nodelocaldns";
  const would = ["would remove link nodelocaldns (tun)", `would remove ${RULE}`, inUse];
  assert.deepEqual(await run(node, { "dry-run": true }), { code: 1, out: would, error: [] });
  const out = ["removed link nodelocaldns (tun)", `removed ${RULE}`, inUse];
  assert.deepEqual(await run(node, { force: true }), { code: 0, out, error: [] });
});

test("cleanupCommand() leaves a link that is somebody's, with -force too, and says so", async () => {
  const node = makeNode([OURS], "veth");
  const why = "it is of the kind veth, which neither nodens nor node-cache makes";
  const out = [`kept link nodelocaldns (veth): ${why}`, `removed ${RULE}`];
  assert.deepEqual(await run(node, { force: true }), { code: 1, out, error: [] });
});

test("cleanupCommand() goes on when one thing cannot be removed", async () => {
  const node = makeNode([OURS]);
  node.machine.tables.set("legacy 4 raw", [OURS]);
  const stderr = "Another app is currently holding the xtables lock. Stopped waiting after 5s.";
  node.machine.intervene = (call) =>
    call.startsWith("iptables-nft-restore") ? { code: 4, stderr } : null;
  const { code, out, error } = await run(node);
  assert.equal(code, 1);
  assert.deepEqual(out, [`removed ${RULE.replace("nft", "legacy")}`]);
  assert.match(
    error.join(),
    /^nodens: Cannot set up iptables rules: .* is holding the xtables lock/,
  );
});
