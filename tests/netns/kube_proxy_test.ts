/**
 * Rules of kube-proxy in a real kernel: written in every way that it has, read back by the tools
 * that a node has, and understood. IPVS is not in every kernel and is tested on its text alone.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { findFallback } from "../../src/net/fallback.ts";
import type { Machine } from "../../src/net/iptables_backend.ts";
import { ipvsConflicts, readKubeProxy } from "../../src/net/proxy_mode.ts";
import { formatEndpoint } from "../../src/std/ip_address.ts";
import { cleanUp } from "../support/clean_up.ts";
import { NetworkNamespace } from "./support/network_namespace.ts";

const TESTDATA = join(import.meta.dirname, "../../src/net/testdata");
const IS_ROOT = process.getuid?.() === 0;

function makeNamespace(context: TestContext): NetworkNamespace {
  const namespace = new NetworkNamespace();
  cleanUp(context, () => namespace.remove());
  return namespace;
}

/** Files of this machine that are not of its network say nothing here. */
function machineOf(namespace: NetworkNamespace): Machine {
  return {
    commands: namespace.commands,
    readFile: (path) => (path.startsWith("/proc/net/") ? namespace.readFile(path) : null),
  };
}

/** Feeds a file of testdata to a program. */
async function load(namespace: NetworkNamespace, words: string, file: string): Promise<void> {
  const [program, ...args] = words.split(" ");
  const input = readFileSync(join(TESTDATA, file), "utf8");
  const { code, stderr } = await namespace.commands.run(program, args, { input });
  assert.equal(code, 0, stderr);
}

async function checkCluster(namespace: NetworkNamespace, mode: string): Promise<void> {
  const machine = machineOf(namespace);
  const { modes, services, isNode, problems } = await readKubeProxy(machine);
  assert.deepEqual({ modes, isNode, problems }, { modes: [mode], isNode: true, problems: [] });
  const endpoints = (address: string, protocol: "udp" | "tcp") =>
    services
      .endpointsOf(address, protocol, 53)
      .map((endpoint) => formatEndpoint(endpoint.address, endpoint.port))
      .sort();
  assert.deepEqual(endpoints("10.96.0.10", "udp"), ["10.244.0.2:53", "10.244.0.3:53"]);
  assert.deepEqual(endpoints("10.96.0.10", "tcp"), ["10.244.0.2:53"]);
  assert.deepEqual(endpoints("198.51.100.7", "udp"), ["10.244.1.9:1053"]);
  assert.deepEqual(endpoints("fd00:10:96::a", "udp"), ["[fd00:10:244::2]:53"]);
  assert.deepEqual(endpoints("10.96.8.8", "udp"), []);
  assert.ok(services.addresses.has("10.96.8.8"));
  const { endpointsByAddress, source } = await findFallback({
    ...machine,
    settings: { addresses: ["10.96.0.10", "169.254.20.10"], fallback: [], fallbackService: null },
    clusterUpstreams: [{ address: "10.96.0.66", port: 53 }],
    resolve: () => assert.fail("no name is asked for"),
  });
  assert.equal(source, "kube-proxy");
  assert.deepEqual(Object.fromEntries(endpointsByAddress), {
    "169.254.20.10": [
      { address: "10.244.0.2", port: 53 },
      { address: "10.244.0.3", port: 53 },
    ],
  });
}

for (const backend of ["nft", "legacy"]) {
  test(`readKubeProxy() reads what iptables-${backend} shows`, {
    skip: !IS_ROOT,
  }, async (context) => {
    const namespace = makeNamespace(context);
    await load(namespace, `iptables-${backend}-restore`, "kube_proxy_iptables.rules");
    await load(namespace, `ip6tables-${backend}-restore`, "kube_proxy_ip6tables.rules");
    await checkCluster(namespace, "iptables");
  });
}

test("readKubeProxy() reads what nft shows", { skip: !IS_ROOT }, async (context) => {
  const namespace = makeNamespace(context);
  await load(namespace, "nft -f -", "kube_proxy.nft");
  await checkCluster(namespace, "nftables");
});

test("readKubeProxy() sees that there is none, and leaves no trace", {
  skip: !IS_ROOT,
}, async (context) => {
  const namespace = makeNamespace(context);
  const { modes, isNode, problems } = await readKubeProxy(machineOf(namespace));
  assert.deepEqual({ modes, isNode, problems }, { modes: [], isNode: false, problems: [] });
  assert.equal(await namespace.run("nft", "list", "ruleset"), "");
  assert.equal(namespace.readFile("/proc/net/ip_tables_names") ?? "", "");
});

test("ipvsConflicts() finds addresses on a real link", { skip: !IS_ROOT }, async (context) => {
  const namespace = makeNamespace(context);
  // Not every kernel has the type of link that kube-proxy uses.
  await namespace.run("ip", ..."link add kube-ipvs0 type bridge".split(" "));
  await namespace.run("ip", ..."address add 10.96.0.10/32 dev kube-ipvs0".split(" "));
  await namespace.run("ip", ..."address add fd00:10:96::a/128 dev kube-ipvs0".split(" "));
  const addresses = ["10.96.0.10", "169.254.20.10", "fd00:10:96::a"];
  const found = ipvsConflicts(addresses, await namespace.run("ip", "-j", "address"));
  assert.deepEqual(
    found.map(({ address }) => address),
    ["10.96.0.10", "fd00:10:96::a"],
  );
});
