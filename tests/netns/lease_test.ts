/** `NftLease`, `DummyLease` and `chooseLease()` on the real kernel. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  LeaseNamespace,
  lacksNamespaces,
  NODE_V4,
  NODE_V6,
  SERVICE_V4,
  SERVICE_V6,
} from "./support/lease_namespace.ts";
import { LeaseProcess } from "./support/lease_process.ts";
import type { LineProcessOptions } from "./support/line_process.ts";
import { divertToCluster, startServices } from "./support/service_stage.ts";

const skip = lacksNamespaces();
const NAME = "nodelocaldns";
const ADDRESSES = [SERVICE_V4, SERVICE_V6];
/** What a container has by default in containerd and CRI-O, and CAP_NET_ADMIN. */
const CONTAINER_CAPABILITIES =
  "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw," +
  "sys_chroot,mknod,audit_write,setfcap,net_admin";

interface Extras extends Partial<LineProcessOptions> {
  readonly order?: object;
}

/** @param kind what is made, or `choose`. */
function start(
  context: TestContext,
  node: LeaseNamespace,
  kind: "nft" | "socket" | "none" | "choose",
  { order, ...options }: Extras = {},
): LeaseProcess {
  const whole = { kind, interfaceName: NAME, addresses: ADDRESSES, ...order };
  return new LeaseProcess(context, whole, { namespace: node.node, ...options });
}

/** With these capabilities only. */
function limitedTo(capabilities: string): string[] {
  const list = capabilities.split(",").map((name) => `+${name}`);
  return ["setpriv", "--bounding-set", ["-all", ...list].join(",")];
}

function tables(node: LeaseNamespace): string[] {
  return node.inNode("nft", "list", "tables").match(/nodens-\d+/g) ?? [];
}

/** Names and handles left out. */
function ruleset(node: LeaseNamespace, family: string): string {
  const [name] = tables(node);
  const text = node.inNode("nft", "list", "table", family, name!);
  return text.replace(/nodens-\d+/, "nodens-N").replace(/ # progname.*/, "");
}

function expectedRuleset(family: string, address: string): string {
  const comment = 'comment "nodens: client to us"';
  const steal = (protocol: string) =>
    `${family} daddr ${address} ${protocol} dport 5300 fib daddr type local notrack ${comment}`;
  return `table ${family} nodens-N {
	flags owner

	chain steal {
		${steal("udp")}
		${steal("tcp")}
	}

	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		jump steal ${comment}
	}

	chain output {
		type filter hook output priority raw; policy accept;
		oif "lo" jump steal ${comment}
	}
}
`;
}

for (const runtime of ["node", "deno"] as const) {
  test(`NftLease in a container with NET_ADMIN: SIGKILL fails over to the cluster (${runtime})`, {
    skip,
  }, async (context) => {
    const node = new LeaseNamespace(context);
    divertToCluster(node);
    const wrapper = limitedTo(CONTAINER_CAPABILITIES);
    const lease = start(context, node, "nft", { wrapper, runtime });
    await lease.call("open");
    assert.equal(node.isLocal(SERVICE_V4), false);
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true);
    assert.equal(node.sourceTowards(SERVICE_V4), NODE_V4);
    assert.equal(node.sourceTowards(SERVICE_V6), NODE_V6);
    const client = await startServices(context, node);
    assert.equal(await client.ask("ask"), '["us","us"]');
    await lease.kill();
    assert.deepEqual(tables(node), []);
    assert.equal(await client.ask("ask"), '["cluster","cluster"]');
    assert.equal(node.isLocal(SERVICE_V4), true, "the address stays, and does no harm");
  });
}

test("NftLease.take() makes tables that read as the header of nft_messages.ts says", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const lease = start(context, node, "nft");
  await lease.call("open");
  assert.doesNotMatch(ruleset(node, "ip"), /hook/, "no effect before take()");
  await lease.call("take");
  await lease.call("take");
  assert.equal(ruleset(node, "ip"), expectedRuleset("ip", SERVICE_V4));
  assert.equal(ruleset(node, "ip6"), expectedRuleset("ip6", SERVICE_V6));
});

test("NftLease does without fib where the kernel has none", async (context) => {
  const node = new LeaseNamespace(context);
  const lease = start(context, node, "nft", { order: { unknownExpression: "fib" } });
  await lease.call("open");
  await lease.call("take");
  assert.equal(await lease.call("isWhole"), true);
  const expected = expectedRuleset("ip", SERVICE_V4).replaceAll("fib daddr type local ", "");
  assert.equal(ruleset(node, "ip"), expected);
});

test("NftLease: others can neither change nor flush its tables", { skip }, async (context) => {
  const node = new LeaseNamespace(context);
  const lease = start(context, node, "nft");
  await lease.call("open");
  await lease.call("take");
  node.inNode("nft", "flush", "ruleset");
  assert.throws(() => node.inNode("nft", "delete", "table", "ip", tables(node)[0]!), /permitted/);
  assert.equal(await lease.call("isWhole"), true);
});

test("NftLease.drop() and take() switch, close() leaves nothing", { skip }, async (context) => {
  const node = new LeaseNamespace(context);
  divertToCluster(node);
  const lease = start(context, node, "nft");
  await lease.call("open");
  await lease.call("take");
  const client = await startServices(context, node);
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(await client.ask("ask"), '["us","us"]');
    await lease.call("drop");
    assert.equal(await lease.call("isWhole"), false);
    assert.equal(await client.ask("ask"), '["cluster","cluster"]');
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true);
  }
  await lease.call("close");
  assert.deepEqual([tables(node), node.hasLink(NAME)], [[], false]);
});

test("NftLease.close() leaves the link to another instance", { skip }, async (context) => {
  const node = new LeaseNamespace(context);
  const [first, second] = [start(context, node, "nft"), start(context, node, "nft")];
  for (const lease of [first, second]) {
    await lease.call("open");
    await lease.call("take");
  }
  await first.call("drop");
  assert.equal(await first.call("isHeldByOthers"), true);
  await first.call("close");
  assert.equal(await second.call("isWhole"), true);
  await second.call("close");
  assert.deepEqual([tables(node), node.hasLink(NAME)], [[], false]);
});

test("NftLease: isWhole() sees and take() mends what is done to its link", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const lease = start(context, node, "nft");
  await lease.call("open");
  await lease.call("take");
  for (const words of [
    ["link", "del", NAME],
    ["addr", "del", `${SERVICE_V4}/32`, "dev", NAME],
    ["link", "set", NAME, "down"],
  ]) {
    node.ip(...words);
    assert.equal(await lease.call("isWhole"), false, words.join(" "));
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true, words.join(" "));
  }
});

test("NftLease.open() without CAP_NET_ADMIN says what is missing", { skip }, async (context) => {
  const node = new LeaseNamespace(context);
  const wrapper = ["setpriv", "--bounding-set", "-net_admin"];
  const message = /Cannot make a table of nftables .* not permitted .*: give .* CAP_NET_ADMIN/;
  await assert.rejects(start(context, node, "nft", { wrapper }).call("open"), message);
});

for (const kind of ["socket", "none"] as const) {
  test(`DummyLease (${kind}) has the addresses from take() to drop()`, {
    skip,
  }, async (context) => {
    const node = new LeaseNamespace(context);
    const lease = start(context, node, kind);
    await lease.call("open");
    assert.equal(node.isLocal(SERVICE_V4), false);
    for (let turn = 0; turn < 2; turn++) {
      await lease.call("take");
      assert.equal(await lease.call("isWhole"), true);
      assert.equal(node.sourceTowards(SERVICE_V4), NODE_V4);
      assert.equal(node.sourceTowards(SERVICE_V6), NODE_V6);
      await lease.call("drop");
      assert.equal(await lease.call("isWhole"), false);
      assert.deepEqual([node.isLocal(SERVICE_V4), node.isLocal(SERVICE_V6)], [false, false]);
    }
    await lease.call("close");
    assert.equal(node.hasLink(NAME), false);
  });
}

test("DummyLease takes over the link of node-cache, whose addresses have another scope", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  node.ip("link", "add", NAME, "type", "bridge");
  node.ip("addr", "add", `${SERVICE_V4}/32`, "dev", NAME);
  const lease = start(context, node, "none");
  await lease.call("open");
  await lease.call("take");
  assert.match(node.ip("addr", "show", NAME), /inet 198\.51\.100\.10\/32 scope host/);
  assert.equal(await lease.call("isWhole"), true);
  await lease.call("close");
  assert.equal(node.hasLink(NAME), false);
});

test("DummyLease.close() leaves a link alone that it has not taken, or that others need", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  node.ip("link", "add", NAME, "type", "bridge");
  node.ip("addr", "add", `${SERVICE_V4}/32`, "dev", NAME);
  const onlyOpen = start(context, node, "none");
  await onlyOpen.call("open");
  await onlyOpen.call("close");
  assert.equal(node.isLocal(SERVICE_V4), true);
  node.ip("link", "del", NAME);

  const onLoopback = start(context, node, "none", { order: { interfaceName: "lo" } });
  await onLoopback.call("open");
  await onLoopback.call("take");
  assert.equal(await onLoopback.call("isWhole"), true);
  await onLoopback.call("close");
  assert.deepEqual([node.isLocal(SERVICE_V4), node.isLocal(SERVICE_V6)], [false, false]);
  assert.equal(node.isLocal("127.0.0.1"), true);
});

interface Choice {
  readonly kind: string;
  readonly refused: readonly { readonly kind: string; readonly reason: string }[];
}

const NO_DEVICE = { devicePath: join("/proc", "no_such_folder", "tun") };
const CHOICES: Record<string, readonly [extras: Extras, expected: readonly string[]]> = {
  "tun where all is there": [{}, ["tun"]],
  "nft where the device cannot be made": [{ order: NO_DEVICE }, ["tun", "nft"]],
  "none where somebody else makes the link": [{ order: { setupInterface: false } }, ["none"]],
};

for (const [what, [extras, expected]] of Object.entries(CHOICES)) {
  test(`chooseLease() takes ${what}`, { skip }, async (context) => {
    const node = new LeaseNamespace(context);
    const lease = start(context, node, "choose", extras);
    const { kind, refused } = (await lease.call("choose")) as Choice;
    assert.deepEqual([...refused.map((one) => one.kind), kind], expected);
    for (const { reason } of refused) assert.match(reason, /^Cannot .*: .*: /);
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true);
    assert.equal(node.isLocal(SERVICE_V4), !what.startsWith("none"));
  });
}

test("chooseLease() fails with the last kind's reason where nothing is allowed", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const wrapper = ["setpriv", "--bounding-set", "-net_admin"];
  const lease = start(context, node, "choose", { wrapper });
  await assert.rejects(lease.call("choose"), /Cannot make the link nodelocaldns: .*CAP_NET_ADMIN/);
  assert.equal(spawnSync("ip", ["-n", node.node, "link", "show", NAME]).status, 1);
});
