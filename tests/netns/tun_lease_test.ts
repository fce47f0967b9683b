/** `TunLease` on the real kernel, in a process and a namespace of its own. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import {
  LeaseNamespace,
  lacksNamespaces,
  NODE_V4,
  NODE_V6,
  SERVICE_V4,
  SERVICE_V6,
} from "./support/lease_namespace.ts";
import { LeaseProcess } from "./support/lease_process.ts";
import { LineProcess, type LineProcessOptions } from "./support/line_process.ts";
import { divertToCluster, startServices, stealOnNode } from "./support/service_stage.ts";

const skip = lacksNamespaces();
const NAME = "nodelocaldns";
const ORDER = { kind: "tun", interfaceName: NAME, addresses: [SERVICE_V4, SERVICE_V6] } as const;

interface Extras extends Partial<LineProcessOptions> {
  readonly order?: object;
}

function start(context: TestContext, node: LeaseNamespace, extras: Extras = {}): LeaseProcess {
  const { order, ...options } = extras;
  return new LeaseProcess(context, { ...ORDER, ...order }, { namespace: node.node, ...options });
}

/** A lease that has the addresses. */
async function taken(context: TestContext, node: LeaseNamespace, extras: Extras = {}) {
  const lease = start(context, node, extras);
  await lease.call("open");
  await lease.call("take");
  return lease;
}

function assertHeld(node: LeaseNamespace): void {
  assert.deepEqual([node.isLocal(SERVICE_V4), node.isLocal(SERVICE_V6)], [true, true]);
  assert.deepEqual(
    [node.sourceTowards(SERVICE_V4), node.sourceTowards(SERVICE_V6)],
    [NODE_V4, NODE_V6],
  );
}

function assertGone(node: LeaseNamespace): void {
  assert.deepEqual([node.isLocal(SERVICE_V4), node.isLocal(SERVICE_V6)], [false, false]);
}

for (const runtime of ["node", "deno"] as const) {
  test(`TunLease.take() makes the addresses local, SIGKILL undoes it (${runtime})`, {
    skip,
  }, async (context) => {
    const node = new LeaseNamespace(context);
    const lease = start(context, node, { runtime });
    await lease.call("open");
    assertGone(node);
    await lease.call("take");
    assertHeld(node);
    assert.equal(await lease.call("isWhole"), true);
    const addresses = node.ip("-o", "addr", "show", "dev", NAME).trim().split("\n");
    assert.equal(addresses.length, 2, "no fe80 address");
    assert.match(addresses[0]!, /inet 198\.51\.100\.10\/32 scope host/);
    assert.match(addresses[1]!, /\/128 scope global .*deprecated noprefixroute/);
    await lease.kill();
    assert.equal(node.hasLink(NAME), false);
    assertGone(node);
  });
}

test("TunLease.drop() gives the addresses back, and take() has them again", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const lease = await taken(context, node);
  await lease.call("drop");
  assertGone(node);
  assert.equal(await lease.call("isWhole"), false);
  assert.equal(await lease.call("isHeldByOthers"), false);
  await lease.call("take");
  await lease.call("take");
  assertHeld(node);
  await lease.call("close");
  assert.equal(node.hasLink(NAME), false);
});

test("TunLease: a second instance keeps the addresses until it goes, too", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const first = await taken(context, node);
  assert.equal(await first.call("isHeldByOthers"), false);
  const second = await taken(context, node);
  assert.equal(await first.call("isHeldByOthers"), true);
  await first.call("drop");
  assert.equal(await second.call("isHeldByOthers"), false);
  assertHeld(node);
  assert.equal(await first.call("isHeldByOthers"), true);
  assert.equal(await second.call("isWhole"), true);
  await second.kill();
  assertGone(node);
});

const DAMAGES: Record<string, readonly (readonly string[])[]> = {
  "an IPv4 address deleted": [["addr", "del", `${SERVICE_V4}/32`, "dev", NAME]],
  "an IPv6 address deleted": [["addr", "del", `${SERVICE_V6}/128`, "dev", NAME]],
  "an IPv4 route deleted": [["route", "del", "local", SERVICE_V4, "table", "local"]],
  "an IPv6 route deleted": [["-6", "route", "del", "local", SERVICE_V6, "table", "local"]],
  "the link down": [["link", "set", NAME, "down"]],
  "the link down and up": [
    ["link", "set", NAME, "down"],
    ["link", "set", NAME, "up"],
  ],
  "the link deleted": [["link", "del", NAME]],
};

for (const [damage, commands] of Object.entries(DAMAGES)) {
  test(`TunLease: isWhole() sees and take() mends ${damage}`, { skip }, async (context) => {
    const node = new LeaseNamespace(context);
    const lease = await taken(context, node);
    for (const words of commands) node.ip(...words);
    assert.equal(await lease.call("isWhole"), false);
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true);
    assertHeld(node);
    await lease.kill();
    assertGone(node);
  });
}

test("TunLease: isWhole() sees and take() follows a change of the node's own address", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const lease = await taken(context, node);
  for (const [change, prefix] of [
    [["192.0.2.7", NODE_V4], "24"],
    [["2001:db8:3::7", NODE_V6], "64"],
  ] as const) {
    node.ip("addr", "del", `${change[1]}/${prefix}`, "dev", "n0");
    node.ip("addr", "add", `${change[0]}/${prefix}`, "dev", "n0", "nodad");
    assert.equal(await lease.call("isWhole"), false);
    await lease.call("take");
    assert.equal(await lease.call("isWhole"), true);
    const service = change[0].includes(":") ? SERVICE_V6 : SERVICE_V4;
    assert.equal(node.sourceTowards(service), change[0]);
  }
});

test("TunLease.take() takes name and addresses of a link that node-cache left, without a gap", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  node.ip("link", "add", NAME, "type", "bridge");
  node.ip("addr", "add", `${SERVICE_V4}/32`, "dev", NAME);
  // Without it there is either our route or none.
  node.ip("route", "del", "default");
  const lease = start(context, node);
  await lease.call("open");
  assert.match(node.ip("-d", "link", "show", NAME), /bridge/, "the old link is left alone");
  assert.equal(node.isLocal(SERVICE_V4), true);
  const script = ["route_probe.ts", SERVICE_V4];
  const probe = new LineProcess(context, { namespace: node.node, script });
  await probe.read();
  await lease.call("take");
  const { looks, misses } = JSON.parse(await probe.ask("stop"));
  assert.deepEqual([looks > 100, misses], [true, 0]);
  assert.match(node.ip("-d", "link", "show", NAME), /tun type tun/);
  assert.equal(node.ip("-br", "link").match(/nodens/g), null);
  assertHeld(node);
  await lease.kill();
  assertGone(node);
});

const REFUSED: Record<string, readonly [commands: readonly string[][], message: RegExp]> = {
  "a link of another kind": [
    [["link", "add", NAME, "type", "veth", "peer", "name", "other"]],
    /Cannot use the interface nodelocaldns: it is veth, not ours: choose another name/,
  ],
  "a bridge with a port": [
    [
      ["link", "add", NAME, "type", "bridge"],
      ["link", "set", "n0", "master", NAME],
    ],
    /Cannot use the interface nodelocaldns: it is bridge, not ours/,
  ],
  "a TUN device with one queue": [
    [["tuntap", "add", NAME, "mode", "tun"]],
    /Cannot make the TUN device nodelocaldns: invalid argument.*another program holds it/,
  ],
};

for (const [what, [commands, message]] of Object.entries(REFUSED)) {
  test(`TunLease.open() refuses ${what} and leaves it alone`, { skip }, async (context) => {
    const node = new LeaseNamespace(context);
    for (const words of commands) node.ip(...words);
    await assert.rejects(start(context, node).call("open"), message);
    assert.equal(node.hasLink(NAME), true);
  });
}

test("TunLease.open() lets a device that was made to stay go with the last instance", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  node.ip("tuntap", "add", NAME, "mode", "tun", "multi_queue");
  const lease = await taken(context, node);
  await lease.kill();
  assert.equal(node.hasLink(NAME), false);
});

test("TunLease.open() makes the device node where there is none", { skip }, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "tun-lease-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const devicePath = join(folder, "net", "tun");
  const node = new LeaseNamespace(context);
  const lease = await taken(context, node, { order: { devicePath } });
  assert.ok(existsSync(devicePath));
  assert.equal(statSync(devicePath).rdev, statSync("/dev/net/tun").rdev);
  await lease.kill();

  rmSync(devicePath);
  const wrapper = ["setpriv", "--bounding-set", "-mknod"];
  const denied = start(context, node, { order: { devicePath }, wrapper });
  await assert.rejects(denied.call("open"), /Cannot make .*: operation not permitted .*: mount it/);
});

test("TunLease: nothing on the node takes our addresses as its source", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  const service = "fd00:96::a";
  node.ip("addr", "del", `${NODE_V4}/24`, "dev", "n0");
  const lease = await taken(context, node, { order: { addresses: [SERVICE_V4, service] } });
  // What was registered before us goes before us: so the node's own link comes later here.
  node.ip("link", "add", "late", "type", "bridge");
  node.ip("addr", "add", `${NODE_V4}/24`, "dev", "late");
  node.ip("route", "add", "203.0.113.5", "dev", "n0");
  assert.equal(node.sourceTowards("203.0.113.5"), NODE_V4);
  // Of two IPv6 addresses the one more like the destination is taken, unless it is deprecated.
  assert.equal(node.sourceTowards("fd00:1::5"), NODE_V6);
  await lease.kill();
});

test("TunLease: connected sockets of the node's processes go on to the cluster after SIGKILL", {
  skip,
}, async (context) => {
  const node = new LeaseNamespace(context);
  divertToCluster(node);
  stealOnNode(node);
  const lease = await taken(context, node);
  const client = await startServices(context, node);
  assert.equal(await client.ask("ask"), '["us","us"]');
  await lease.kill();
  assert.equal(await client.ask("ask"), '["cluster","cluster"]');
});
