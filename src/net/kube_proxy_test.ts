import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { formatEndpoint } from "../std/ip_address.ts";
import {
  parseIptablesServices,
  parseIpvsServices,
  parseNftServices,
  type Services,
} from "./kube_proxy.ts";

/** Written by kube-proxy's rules, read back with the kernel's tools (tests/netns). */
function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, "testdata", name), "utf8");
}

function endpoints(services: Services, address: string, protocol: "udp" | "tcp", port = 53) {
  return services
    .endpointsOf(address, protocol, port)
    .map((endpoint) => formatEndpoint(endpoint.address, endpoint.port))
    .sort();
}

/** The same cluster in three languages. */
function checkCluster(services: Services): void {
  assert.deepEqual(endpoints(services, "10.96.0.10", "udp"), ["10.244.0.2:53", "10.244.0.3:53"]);
  assert.deepEqual(endpoints(services, "10.96.0.10", "tcp"), ["10.244.0.2:53"]);
  assert.deepEqual(endpoints(services, "10.96.0.66", "udp"), ["10.244.0.2:53", "10.244.0.3:53"]);
  assert.deepEqual(endpoints(services, "10.96.0.66", "tcp"), []);
  // Session affinity, and an address of a load balancer that leads over a second chain.
  assert.deepEqual(endpoints(services, "10.96.7.7", "udp"), ["10.244.1.9:1053"]);
  assert.deepEqual(endpoints(services, "198.51.100.7", "udp"), ["10.244.1.9:1053"]);
  // Without endpoints it is a Service all the same.
  assert.deepEqual(endpoints(services, "10.96.8.8", "udp"), []);
  for (const address of ["10.96.0.10", "10.96.0.66", "10.96.7.7", "10.96.8.8", "198.51.100.7"]) {
    assert.ok(services.addresses.has(address), address);
  }
  assert.ok(!services.addresses.has("10.244.0.2"));
}

test("parseIptablesServices() follows chains from Services to endpoints", () => {
  const text = fixture("kube_proxy_iptables_save.txt");
  checkCluster(parseIptablesServices(text));
  checkCluster(parseIptablesServices(text.replace(/^-A/gm, "[12:345] -A")));
  const ipv6 = parseIptablesServices(fixture("kube_proxy_ip6tables_save.txt"));
  assert.deepEqual([...ipv6.addresses], ["fd00:10:96::a"]);
  assert.deepEqual(endpoints(ipv6, "fd00:10:96::a", "udp"), ["[fd00:10:244::2]:53"]);
});

test("parseNftServices() reads both shapes that kube-proxy has written", () => {
  checkCluster(parseNftServices(fixture("kube_proxy_nft_ip.txt")));
  const ipv6 = parseNftServices(fixture("kube_proxy_nft_ip6.txt"));
  assert.deepEqual(endpoints(ipv6, "fd00:10:96::a", "udp"), ["[fd00:10:244::2]:53"]);
  assert.deepEqual(endpoints(ipv6, "fd00:10:96::a", "tcp"), [
    "[fd00:10:244::2]:53",
    "[fd00:10:244::3]:53",
  ]);
});

test("parseNftServices() reads protocols as numbers and elements with counters", () => {
  const key = { elem: { val: { concat: ["10.96.0.10", 17, 53] }, counter: { packets: 1 } } };
  const json = JSON.stringify({
    nftables: [
      {
        map: { table: "kube-proxy", name: "service-ips", elem: [[key, { goto: { target: "s" } }]] },
      },
      {
        rule: { table: "kube-proxy", chain: "s", expr: [{ dnat: { addr: "10.0.0.1", port: 53 } }] },
      },
      { rule: { table: "other", chain: "s", expr: [{ dnat: { addr: "10.0.0.2", port: 53 } }] } },
    ],
  });
  assert.deepEqual(endpoints(parseNftServices(json), "10.96.0.10", "udp"), ["10.0.0.1:53"]);
});

test("parseIpvsServices() reads /proc/net/ip_vs", () => {
  const services = parseIpvsServices(fixture("ip_vs.txt"));
  assert.deepEqual(endpoints(services, "10.96.0.1", "tcp", 443), ["192.0.2.2:6443"]);
  assert.deepEqual(endpoints(services, "10.96.0.10", "udp"), ["10.244.0.2:53", "10.244.0.3:53"]);
  // 10.244.0.9 has weight 0.
  assert.deepEqual(endpoints(services, "10.96.0.10", "tcp"), ["10.244.0.3:53"]);
  assert.deepEqual(endpoints(services, "fd00:10:96::a", "udp"), ["[fd00:10:244::2]:53"]);
  // What follows a firewall mark is not of the Service above it.
  assert.deepEqual(endpoints(services, "10.96.8.8", "udp"), []);
  assert.ok(services.addresses.has("10.96.8.8"));
});

test("parseIptablesServices() passes over what only looks like a rule", () => {
  const services = parseIptablesServices(
    [
      '-A KUBE-SERVICES -p udp -m comment --comment "a \\" -d 10.96.0.9/32 -j KUBE-SVC-A" -j RETURN',
      "-A KUBE-SERVICES ! -d 10.96.0.8/32 -p udp -m udp --dport 53 -j KUBE-SVC-A",
      "-A KUBE-SERVICES -d 10.96.0.0/16 -p udp -m udp --dport 53 -j KUBE-SVC-A",
      "-A KUBE-SERVICES -d 10.96.0.7/32 -p udp -m udp --dport 53 -j KUBE-SVC-A",
      "-A KUBE-SVC-A -j KUBE-SVC-A",
      "-A KUBE-SVC-A -j KUBE-SEP-A",
      "-A KUBE-SEP-A -p udp -j DNAT --to-destination :0 --persistent",
      "-A KUBE-SEP-A -p udp -j DNAT --to-destination 10.0.0.1-10.0.0.9:53",
      "-A KUBE-SEP-A -p udp -j DNAT --to-destination 10.0.0.1",
      "-A KUBE-SEP-A -p udp -j DNAT",
      "-A KUBE-SEP-A",
      "-A KUBE-",
      "[1:2",
    ].join("\n"),
  );
  assert.deepEqual([...services.addresses], ["10.96.0.7"]);
  assert.deepEqual(endpoints(services, "10.96.0.7", "udp"), []);
});

test("the parsers throw at no text and end with every one", () => {
  const words = fc.constantFrom(
    ...'-A KUBE-SERVICES|KUBE-SVC-A|KUBE-SEP-A| -d | -j |10.0.0.1/32|\n|[|] |"|{|}|nftables|:'.split(
      "|",
    ),
  );
  const anyText = fc.oneof(
    fc.string(),
    fc.array(words).map((parts) => parts.join(" ")),
  );
  const objects = fc.array(
    fc.record(
      { rule: fc.anything(), map: fc.anything(), set: fc.anything() },
      { requiredKeys: [] },
    ),
  );
  const json = fc.oneof(
    anyText,
    objects.map((nftables) => JSON.stringify({ nftables })),
  );
  fc.assert(
    fc.property(anyText, json, (text, nft) => {
      parseIptablesServices(text);
      parseIpvsServices(text);
      parseNftServices(nft);
    }),
  );
});

test("parseIptablesServices() reads 10,000 Services, which takes some 100 ms", () => {
  const lines = ["*nat"];
  const count = 10_000;
  for (let index = 0; index < count; index += 1) {
    const address = `10.96.${index >> 8}.${index & 255}`;
    const comment = `-m comment --comment "some-namespace/some-service-${index}:dns`;
    const head = `-d ${address}/32 -p udp ${comment} cluster IP" -m udp --dport 53`;
    lines.push(
      `-A KUBE-SERVICES ${head} -j KUBE-SVC-${index}`,
      `-A KUBE-SVC-${index} ! -s 10.244.0.0/16 ${head} -j KUBE-MARK-MASQ`,
    );
    for (const pod of [1, 2]) {
      const endpoint = `10.${pod}.${index >> 8}.${index & 255}`;
      lines.push(
        `-A KUBE-SVC-${index} ${comment} -> ${endpoint}:53" -j KUBE-SEP-${index}-${pod}`,
        `-A KUBE-SEP-${index}-${pod} -s ${endpoint}/32 ${comment}" -j KUBE-MARK-MASQ`,
        `-A KUBE-SEP-${index}-${pod} -p udp ${comment}" -m udp -j DNAT --to-destination ${endpoint}:53`,
      );
    }
  }
  const services = parseIptablesServices(lines.join("\n"));
  assert.equal(services.addresses.size, count);
  assert.deepEqual(endpoints(services, "10.96.1.1", "udp"), ["10.1.1.1:53", "10.2.1.1:53"]);
});
