import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatEndpoint } from "../std/ip_address.ts";
import { findFallback, isLinkLocal } from "./fallback.ts";
import type { Endpoint } from "./settings.ts";
import { fakeMachine } from "./testing.ts";

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, "testdata", name), "utf8");
}

const NO_TABLE = { code: 1, stderr: "Error: No such file or directory" };
const KUBE_PROXY = {
  "iptables-nft-save -t nat": fixture("kube_proxy_iptables_save.txt"),
  "iptables-nft-save -t filter": "",
  "ip6tables-nft-save -t nat": fixture("kube_proxy_ip6tables_save.txt"),
  "ip6tables-nft-save -t filter": "",
  "nft -j list table ip kube-proxy": NO_TABLE,
  "nft -j list table ip6 kube-proxy": NO_TABLE,
  "ip -j address": "[]",
};
const NO_KUBE_PROXY = {
  ...KUBE_PROXY,
  "iptables-nft-save -t nat": "",
  "ip6tables-nft-save -t nat": "",
};

interface Case {
  readonly addresses?: string[];
  readonly upstreams?: string[];
  readonly flag?: string[];
  readonly service?: string;
  readonly resolve?: () => Promise<string[]>;
  readonly commands?: Parameters<typeof fakeMachine>[0]["commands"];
  readonly files?: Readonly<Record<string, string>>;
}

function endpoint(text: string): Endpoint {
  const [, address, port] = /^\[?(.+?)\]?:([0-9]+)$/.exec(text) ?? assert.fail(text);
  return { address, port: Number(port) };
}

async function find(options: Case) {
  const { addresses = ["169.254.20.10"], upstreams = ["10.96.0.66:53"], flag = [] } = options;
  const { commands = KUBE_PROXY, files = {}, service = null } = options;
  const { endpointsByAddress, source, notes } = await findFallback({
    settings: { addresses, fallback: flag.map(endpoint), fallbackService: service },
    clusterUpstreams: upstreams.map(endpoint),
    resolve: options.resolve ?? (() => assert.fail("no name is asked for")),
    ...fakeMachine({ commands, files }),
  });
  const byAddress = [...endpointsByAddress].map(([address, endpoints]) => {
    const texts = endpoints.map((one) => formatEndpoint(one.address, one.port));
    return `${address} -> ${texts.join(" ")}`;
  });
  return { found: byAddress, source, notes };
}

const ENDPOINTS = "10.244.0.2:53 10.244.0.3:53";

test("findFallback() takes the endpoints of the cluster's upstream from kube-proxy", async () => {
  const found = [`169.254.20.10 -> ${ENDPOINTS}`];
  assert.deepEqual(await find({}), { found, source: "kube-proxy", notes: [] });
  // Of UDP and TCP those that serve both.
  const upstreams = ["10.96.0.10:53"];
  assert.deepEqual((await find({ upstreams })).found, ["169.254.20.10 -> 10.244.0.2:53"]);
});

test("findFallback() gives none to an address that kube-proxy serves", async () => {
  const addresses = ["10.96.0.10", "169.254.20.10"];
  assert.deepEqual((await find({ addresses })).found, [`169.254.20.10 -> ${ENDPOINTS}`]);
  assert.deepEqual(await find({ addresses: ["10.96.0.10"] }), {
    ...{ found: [], source: null, notes: [] },
  });
});

test("findFallback() gives one to an address that kube-proxy does not know", async () => {
  const addresses = ["192.0.2.53"];
  assert.deepEqual((await find({ addresses })).found, [`192.0.2.53 -> ${ENDPOINTS}`]);
  // Nobody knows who serves it.
  const blind = { addresses, commands: NO_KUBE_PROXY };
  assert.deepEqual((await find(blind)).found, []);
  const flag = ["192.0.2.1:53"];
  assert.deepEqual((await find({ ...blind, flag })).found, ["192.0.2.53 -> 192.0.2.1:53"]);
});

test("findFallback() believes the flag first, then the Service", async () => {
  const service = "kube-dns-headless.example.org";
  const resolve = async () => ["192.0.2.9", "192.0.2.8", "2001:db8::1", "nonsense"];
  assert.deepEqual(await find({ flag: ["192.0.2.1:5353"], service }), {
    ...{ found: ["169.254.20.10 -> 192.0.2.1:5353"], source: "flag", notes: [] },
  });
  assert.deepEqual(await find({ service, resolve }), {
    ...{ found: ["169.254.20.10 -> 192.0.2.8:53 192.0.2.9:53"], source: "service", notes: [] },
  });
  const reject = () => Promise.reject(new Error("no such name"));
  const { source, notes } = await find({ service, resolve: reject });
  assert.equal(source, "kube-proxy");
  assert.deepEqual(notes, [
    `Cannot find the servers of ${service}: no such name: see that it is a headless Service`,
  ]);
});

test("findFallback() takes endpoints in place of a Service, whoever named it", async () => {
  const flag = ["10.96.0.66:53"];
  assert.deepEqual((await find({ flag })).found, [`169.254.20.10 -> ${ENDPOINTS}`]);
  const { found, notes } = await find({ flag: ["10.96.8.8:53"], upstreams: [] });
  assert.deepEqual(found, []);
  assert.deepEqual(notes, [
    "Cannot use -fallback 10.96.8.8:53 as fallback: it is a Service without endpoints",
    "Cannot set up a fallback for 169.254.20.10: no DNS server is known, so that nobody answers " +
      "there when this process is gone: name DNS servers with -fallback ADDRESS:PORT",
  ]);
});

test("findFallback() takes the upstream itself when it is no Service", async () => {
  const upstreams = ["192.0.2.1:53"];
  const expected = { found: ["169.254.20.10 -> 192.0.2.1:53"], source: "upstream", notes: [] };
  assert.deepEqual(await find({ upstreams }), expected);
  assert.deepEqual(await find({ upstreams, commands: NO_KUBE_PROXY }), expected);
});

test("findFallback() does not take an upstream that may be a Service nobody sees", async () => {
  const files = { "/var/lib/kubelet/config.yaml": "" };
  const { found, source, notes } = await find({ commands: NO_KUBE_PROXY, files });
  assert.deepEqual({ found, source }, { found: [], source: null });
  assert.equal(
    notes[0],
    "Cannot tell whether 10.96.0.66:53 is a Service or a DNS server: no rules of kube-proxy can " +
      "be seen on this node: name DNS servers with -fallback ADDRESS:PORT",
  );
});

test("findFallback() leads neither to ourselves nor to where nobody else can go", async () => {
  const upstreams = ["169.254.20.10:53", "127.0.0.53:53", "192.0.2.1:53"];
  const { found, notes } = await find({ upstreams });
  assert.deepEqual(found, ["169.254.20.10 -> 192.0.2.1:53"]);
  assert.deepEqual(notes, [
    "Cannot use upstream 169.254.20.10:53 as fallback: it is an address of ours",
    "Cannot use upstream 127.0.0.53:53 as fallback: only this machine itself can be sent there",
  ]);
});

test("findFallback() keeps families apart and says which has no server", async () => {
  const addresses = ["169.254.20.10", "fe80::53"];
  const upstreams = ["10.96.0.66:53", "[fd00:10:96::a]:53"];
  assert.deepEqual((await find({ addresses, upstreams })).found, [
    `169.254.20.10 -> ${ENDPOINTS}`,
    "fe80::53 -> [fd00:10:244::2]:53",
  ]);
  const { found, notes } = await find({ addresses });
  assert.deepEqual(found, [`169.254.20.10 -> ${ENDPOINTS}`]);
  assert.match(notes[0], /^Cannot set up a fallback for fe80::53: no DNS server has an IPv6 addr/);
});

test("findFallback() gives at most eight endpoints, the same ones in whatever order", async () => {
  const flag = Array.from({ length: 12 }, (_, index) => `192.0.2.${10 + index}:53`);
  const { found } = await find({ flag });
  assert.equal(found[0].split(" ").length, 10);
  assert.deepEqual((await find({ flag: [...flag.toReversed(), flag[0]] })).found, found);
});

test("findFallback() reads kube-proxy in nftables and in IPVS mode", async () => {
  const nft = {
    ...NO_KUBE_PROXY,
    "nft -j list table ip kube-proxy": fixture("kube_proxy_nft_ip.txt"),
  };
  assert.deepEqual((await find({ commands: nft })).found, [`169.254.20.10 -> ${ENDPOINTS}`]);
  const held = [{ ifname: "kube-ipvs0", addr_info: [{ local: "10.96.0.10" }] }];
  const ipvs = { ...NO_KUBE_PROXY, "ip -j address": JSON.stringify(held) };
  const files = { "/proc/net/ip_vs": fixture("ip_vs.txt") };
  assert.deepEqual((await find({ commands: ipvs, files, upstreams: ["10.96.0.10:53"] })).found, [
    "169.254.20.10 -> 10.244.0.3:53",
  ]);
});

test("isLinkLocal() knows 169.254.0.0/16 and fe80::/10", () => {
  for (const address of ["169.254.20.10", "fe80::1", "febf::1"]) assert.ok(isLinkLocal(address));
  for (const address of ["169.25.4.1", "10.96.0.10", "fec0::1", "fe8::1", "fd00::a"]) {
    assert.ok(!isLinkLocal(address), address);
  }
});
