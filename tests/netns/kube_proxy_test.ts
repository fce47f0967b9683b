/**
 * Rules of kube-proxy in a real kernel: written in every way that it has, read back by the tools
 * that a node has, and understood. IPVS is not in every kernel and is tested on its text alone.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { findFallback } from "../../src/net/fallback.ts";
import type { Machine } from "../../src/net/iptables_backend.ts";
import { ipvsConflicts, readKubeProxy } from "../../src/net/proxy_mode.ts";
import { formatEndpoint } from "../../src/std/ip_address.ts";
import { systemCommands } from "../../src/sys/commands.ts";
import { cleanUp } from "../support/clean_up.ts";

const TESTDATA = join(import.meta.dirname, "../../src/net/testdata");
const IS_ROOT = process.getuid?.() === 0;

interface Namespace extends Machine {
  /** Runs a program in it; `file` of testdata is its input. */
  run(words: string, file?: string): string;
}

let count = 0;

function makeNamespace(context: TestContext): Namespace {
  count += 1;
  const name = `nodens-kp-${process.pid}-${count}`;
  execFileSync("ip", ["netns", "add", name]);
  cleanUp(context, () => execFileSync("ip", ["netns", "del", name]));
  const run = (words: string, file?: string) => {
    const input = file === undefined ? "" : readFileSync(join(TESTDATA, file));
    const args = ["netns", "exec", name, ...words.split(" ")];
    return execFileSync("ip", args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  };
  return {
    run,
    commands: {
      has: (program) => systemCommands.has(program),
      run: (program, args, options) =>
        systemCommands.run("ip", ["netns", "exec", name, program, ...args], options),
    },
    readFile: (path) => {
      // Which files there are of the network is up to the namespace; of the machine none matters.
      if (!path.startsWith("/proc/net/")) return null;
      try {
        return run(`cat ${path}`);
      } catch {
        return null;
      }
    },
  };
}

async function checkCluster(namespace: Namespace, mode: string): Promise<void> {
  const { modes, services, isNode, problems } = await readKubeProxy(namespace);
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
    ...namespace,
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
    namespace.run(`iptables-${backend}-restore`, "kube_proxy_iptables.rules");
    namespace.run(`ip6tables-${backend}-restore`, "kube_proxy_ip6tables.rules");
    await checkCluster(namespace, "iptables");
  });
}

test("readKubeProxy() reads what nft shows", { skip: !IS_ROOT }, async (context) => {
  const namespace = makeNamespace(context);
  namespace.run("nft -f -", "kube_proxy.nft");
  await checkCluster(namespace, "nftables");
});

test("readKubeProxy() sees that there is none, and leaves no trace", {
  skip: !IS_ROOT,
}, async (context) => {
  const namespace = makeNamespace(context);
  const { modes, isNode, problems } = await readKubeProxy(namespace);
  assert.deepEqual({ modes, isNode, problems }, { modes: [], isNode: false, problems: [] });
  assert.equal(namespace.run("nft list ruleset"), "");
  assert.equal(namespace.readFile("/proc/net/ip_tables_names") ?? "", "");
});

test("ipvsConflicts() finds addresses on a real link", { skip: !IS_ROOT }, (context) => {
  const namespace = makeNamespace(context);
  // Not every kernel has the type of link that kube-proxy uses.
  namespace.run("ip link add kube-ipvs0 type bridge");
  namespace.run("ip address add 10.96.0.10/32 dev kube-ipvs0");
  namespace.run("ip address add fd00:10:96::a/128 dev kube-ipvs0");
  const addresses = ["10.96.0.10", "169.254.20.10", "fd00:10:96::a"];
  const found = ipvsConflicts(addresses, namespace.run("ip -j address"));
  assert.deepEqual(
    found.map(({ address }) => address),
    ["10.96.0.10", "fd00:10:96::a"],
  );
});
