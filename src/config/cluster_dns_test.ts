import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRecord } from "../../tests/support/dns_message.ts";
import { startScriptedUpstream } from "../../tests/support/scripted_upstream.ts";
import { clusterDomain, findClusterDns, systemLookup } from "./cluster_dns.ts";
import { memorySource } from "./source.ts";

const SEARCH = "nameserver 192.0.2.1\nsearch ns.svc.k8s.example svc.k8s.example k8s.example.\n";

async function find(
  environment: Record<string, string>,
  names: Readonly<Record<string, readonly string[]>> = {},
  resolvConf: string | null = null,
): Promise<{ addresses: readonly string[]; remark: string; asked: string[] }> {
  const asked: string[] = [];
  const files = resolvConf === null ? {} : { "/etc/resolv.conf": resolvConf };
  const result = await findClusterDns({
    service: "kube-dns-upstream",
    source: memorySource(files, { environment }),
    ownAddresses: ["192.0.2.10"],
    lookUp: (name) => {
      asked.push(name);
      return Promise.resolve(names[name] ?? []);
    },
  });
  return { ...result, asked };
}

const TYPE_AAAA = 28;
const UNSET = 'Environment variable "KUBE_DNS_UPSTREAM_SERVICE_HOST" is not set';

test("findClusterDns() takes the address of the Service from the environment", async () => {
  for (const [value, address] of [
    ["192.0.2.53", "192.0.2.53"],
    ["2001:DB8:0::53", "2001:db8::53"],
  ] as const) {
    const result = await find({ KUBE_DNS_UPSTREAM_SERVICE_HOST: value });
    assert.deepEqual(result, { addresses: [address], remark: "", asked: [] });
  }
});

test("findClusterDns() asks DNS when the environment has no address", async () => {
  const name = "kube-dns-upstream.kube-system.svc.k8s.example";
  const result = await find({}, { [name]: ["192.0.2.53"] }, SEARCH);
  assert.deepEqual(result.addresses, ["192.0.2.53"]);
  assert.equal(result.remark, `${UNSET}: 192.0.2.53 of ${name} is used, as DNS has it`);
  assert.deepEqual(result.asked, [name, "kube-dns-upstream.kube-system.svc"]);
  const broken = await find(
    { KUBE_DNS_UPSTREAM_SERVICE_HOST: "<nil>" },
    { [name]: ["::1"] },
    SEARCH,
  );
  assert.match(broken.remark, /^Environment variable "[A-Z_]+" is no IP address but "<nil>": /);
});

test("findClusterDns() takes all addresses of a headless Service, in order, but ours", async () => {
  const answer = ["192.0.2.9", "192.0.2.10", "192.0.2.53"];
  const result = await find({}, { "kube-dns-upstream.kube-system.svc.cluster.local": answer });
  assert.deepEqual(result.addresses, ["192.0.2.53", "192.0.2.9"]);
});

test("findClusterDns() tries coredns next, by environment and by DNS", async () => {
  const byEnvironment = await find({ COREDNS_SERVICE_HOST: "192.0.2.54" });
  assert.deepEqual(byEnvironment.addresses, ["192.0.2.54"]);
  assert.equal(byEnvironment.remark, `${UNSET}: 192.0.2.54 of COREDNS_SERVICE_HOST is used`);
  const byDns = await find({}, { "coredns.kube-system.svc": ["192.0.2.55"] });
  assert.deepEqual(byDns.addresses, ["192.0.2.55"]);
});

test("findClusterDns() says what was tried and what to do when there is no address", async () => {
  const { addresses, remark } = await find({}, { "coredns.kube-system.svc": ["192.0.2.10"] });
  assert.deepEqual(addresses, []);
  assert.equal(
    remark,
    `${UNSET}, and DNS knows no Service kube-dns-upstream.kube-system or coredns.kube-system ` +
      "with an address that is not ours: name the Service with -upstreamsvc, " +
      "or set KUBE_DNS_UPSTREAM_SERVICE_HOST to its address",
  );
});

test("clusterDomain() is what follows svc in the last search list", () => {
  for (const [text, expected] of [
    [SEARCH, "k8s.example"],
    ["search svc.a.example\nsearch svc.b.example.\n", "b.example"],
    ["search example.org\n", null],
    ["nameserver 192.0.2.1\n", null],
  ] as const) {
    assert.equal(clusterDomain(memorySource({ "/etc/resolv.conf": text })), expected);
  }
  assert.equal(clusterDomain(memorySource({})), null);
});

test("systemLookup() finds addresses, of IPv6 where there are no others, or none", async (context) => {
  const records: Readonly<Record<string, string>> = {
    "both.example.org. A": "192.0.2.1",
    "both.example.org. AAAA": "2001:db8::1",
    "six.example.org. AAAA": "2001:db8::2",
  };
  const { port } = await startScriptedUpstream(context, ({ message, name, reply }) => {
    const type = message.questions[0]?.type === TYPE_AAAA ? "AAAA" : "A";
    const address = records[`${name} ${type}`];
    const answer = address === undefined ? [] : [parseRecord(`${name} 5 ${type} ${address}`)];
    reply({ answer });
  });
  const lookUp = await systemLookup([`127.0.0.1:${port}`]);
  assert.deepEqual(await lookUp("both.example.org"), ["192.0.2.1"]);
  assert.deepEqual(await lookUp("six.example.org"), ["2001:db8::2"]);
  assert.deepEqual(await lookUp("none.example.org"), []);
});
