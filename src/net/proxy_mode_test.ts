import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ipvsConflicts, type ProxyTraces, proxyModes, readKubeProxy } from "./proxy_mode.ts";
import { type FakeMachineOptions, fakeMachine } from "./testing.ts";

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, "testdata", name), "utf8");
}

const SAVED = fixture("kube_proxy_iptables_save.txt");
const NFT = fixture("kube_proxy_nft_ip.txt");
const IPVS = fixture("ip_vs.txt");
/** In IPVS mode the chain is there too, and matches sets. */
const IPVS_CHAIN = [
  "*nat",
  ":KUBE-SERVICES - [0:0]",
  "-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT",
].join("\n");
const IPVS_LINKS = JSON.stringify([
  { ifname: "lo", addr_info: [{ local: "127.0.0.1" }] },
  { ifname: "nodelocaldns", addr_info: [{ local: "169.254.20.10" }] },
  {
    ifname: "kube-ipvs0",
    addr_info: [{ local: "10.96.0.10" }, { local: "fd00:10:96::a" }, { local: "fe80::1" }],
  },
]);
const NO_TABLE = { code: 1, stderr: "Error: No such file or directory" };
const NOTHING: NonNullable<FakeMachineOptions["commands"]> = {
  "iptables-nft-save -t nat": "",
  "iptables-nft-save -t filter": "",
  "nft -j list table ip kube-proxy": NO_TABLE,
  "nft -j list table ip6 kube-proxy": NO_TABLE,
  "ip -j address": "[]",
};

function traces(parts: Partial<ProxyTraces>): ProxyTraces {
  return { saved: [], nft: [], ipvs: "", ipJson: "[]", ...parts };
}

test("proxyModes() tells the modes by their traces", () => {
  const cases: [Partial<ProxyTraces>, string[]][] = [
    [{}, []],
    [{ ipJson: "broken" }, []],
    [{ saved: ["*nat\n:PREROUTING ACCEPT [0:0]\n"] }, []],
    [{ saved: [SAVED] }, ["iptables"]],
    [{ saved: ["*nat\n:KUBE-SERVICES - [0:0]\n"] }, ["iptables"]],
    [{ nft: [NFT] }, ["nftables"]],
    [{ ipJson: IPVS_LINKS, ipvs: IPVS, saved: [IPVS_CHAIN] }, ["ipvs"]],
    [{ ipvs: IPVS, saved: [IPVS_CHAIN] }, ["ipvs"]],
    // A load balancer of somebody else.
    [{ ipvs: IPVS }, []],
    // Leftovers of another mode.
    [{ nft: [NFT], saved: [SAVED] }, ["nftables", "iptables"]],
    [{ ipJson: IPVS_LINKS, saved: [SAVED] }, ["iptables", "ipvs"]],
  ];
  for (const [parts, expected] of cases) assert.deepEqual(proxyModes(traces(parts)), expected);
});

test("ipvsConflicts() names the addresses on kube-ipvs0 and the way out", () => {
  const addresses = ["10.96.0.10", "169.254.20.10", "fd00:10:96::a", "fe80::1"];
  const found = ipvsConflicts(addresses, IPVS_LINKS);
  assert.deepEqual(
    found.map(({ address }) => address),
    ["10.96.0.10", "fd00:10:96::a"],
  );
  assert.equal(
    found[0].message,
    "Cannot intercept 10.96.0.10: kube-proxy runs in IPVS mode and holds it on kube-ipvs0: " +
      "use -localip 169.254.20.10 and set the kubelet's clusterDNS (--cluster-dns) to it",
  );
  for (const json of ["", "{}", "[null]", '[{"ifname":"kube-ipvs0","addr_info":[null]}]']) {
    assert.deepEqual(ipvsConflicts(addresses, json), []);
  }
});

test("readKubeProxy() reads Services of both backends and asks legacy for no new table", async () => {
  const { "iptables-nft-save -t nat": _, ...others } = NOTHING;
  const commands = {
    ...others,
    "iptables-nft-save -t nat": "*nat\nCOMMIT\n",
    "iptables-legacy-save -t nat": SAVED,
  };
  const names = "filter\nnat\n".replace("filter\n", "");
  const machine = fakeMachine({ commands, files: { "/proc/net/ip_tables_names": names } });
  const proxy = await readKubeProxy(machine);
  assert.deepEqual(proxy.modes, ["iptables"]);
  assert.deepEqual(proxy.problems, []);
  assert.ok(proxy.services.addresses.has("10.96.0.10"));
  assert.ok(!machine.ran.includes("iptables-legacy-save -t filter"));
});

test("readKubeProxy() says what it could not read", async () => {
  const broken = { code: 4, stderr: "Permission denied (you must be root)\n" };
  const machine = fakeMachine({
    commands: { ...NOTHING, "iptables-nft-save -t nat": broken, "ip -j address": broken },
  });
  const { modes, problems } = await readKubeProxy(machine);
  assert.deepEqual(modes, []);
  const why = "Permission denied (you must be root)";
  assert.deepEqual(problems, [
    `Cannot read iptables rules: iptables-nft-save -t nat: ${why}`,
    `Cannot read addresses: ip -j address: ${why}`,
  ]);
  const bare = await readKubeProxy(fakeMachine({}));
  assert.deepEqual(bare.problems, [
    "Cannot read iptables rules: iptables-save: not found: install iptables",
    "Cannot read addresses: ip -j address: ip: not found",
  ]);
});

test("readKubeProxy() knows a node without kube-proxy for one of Kubernetes", async () => {
  const isNode = async (options: FakeMachineOptions) =>
    (await readKubeProxy(fakeMachine({ commands: NOTHING, ...options }))).isNode;
  assert.equal(await isNode({}), false);
  const environment = "PATH=/bin\0KUBERNETES_SERVICE_HOST=10.96.0.1\0";
  assert.equal(await isNode({ files: { "/proc/self/environ": environment } }), true);
  assert.equal(await isNode({ files: { "/var/lib/kubelet/config.yaml": "" } }), true);
  const canary = "*nat\n:KUBE-KUBELET-CANARY - [0:0]\n";
  assert.equal(await isNode({ commands: { "iptables-nft-save -t nat": canary } }), true);
});
