import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePlan } from "../config/compile.ts";
import { requireConfig } from "../config/load.ts";
import { memorySource } from "../config/source.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import { clusterUpstreams } from "./cluster_upstreams.ts";

function find(...blocks: string[]): string {
  const source = memorySource({ Corefile: blocks.join("\n") });
  const { config } = requireConfig({ confFile: null, dnsPort: 53, source });
  const { upstreams, zone } = clusterUpstreams(compilePlan(config, 1));
  const texts = upstreams.map(({ address, port }) => formatEndpoint(address, port));
  return `${zone} ${texts.join(" ")}`.trimEnd();
}

const block = (zones: string, upstreams: string, more = "") =>
  `${zones} {\nforward . ${upstreams} ${more}\n}`;
const REVERSE = block("in-addr.arpa ip6.arpa", "192.0.2.10");
const ROOT = block(".", "192.0.2.99");

test("clusterUpstreams() takes those of the cluster's zones, never those of the root", () => {
  const cluster = block("cluster.local", "192.0.2.11 192.0.2.10");
  assert.equal(find(cluster, REVERSE, ROOT), "cluster.local. 192.0.2.10:53 192.0.2.11:53");
  assert.equal(
    find(ROOT, block("a.cluster.local", "[2001:db8::1]:5353")),
    ["a.cluster.local.", "[2001:db8::1]:5353"].join(" "),
  );
});

test("clusterUpstreams() tells the cluster's zones from other zones beside them", () => {
  const stub = block("corp.example.org", "192.0.2.50");
  // By name.
  assert.equal(
    find(stub, block("cluster.local", "192.0.2.12"), REVERSE, ROOT),
    "cluster.local. 192.0.2.12:53",
  );
  // By reverse lookups, which go there too.
  assert.equal(
    find(stub, block("k8s.example.org", "192.0.2.10"), REVERSE, ROOT),
    "k8s.example.org. 192.0.2.10:53",
  );
  // Nothing tells them apart.
  assert.equal(
    find(stub, block("k8s.example.org", "192.0.2.13"), ROOT),
    "corp.example.org. 192.0.2.13:53 192.0.2.50:53",
  );
});

test("clusterUpstreams() takes those of the root where all names go there", () => {
  assert.equal(find(ROOT), ". 192.0.2.99:53");
  assert.equal(find(REVERSE, ROOT), ". 192.0.2.99:53");
  assert.equal(find(block("cluster.local .", "192.0.2.1")), "cluster.local. 192.0.2.1:53");
  assert.equal(find("cluster.local {\ncache\n}", ROOT), ". 192.0.2.99:53");
  assert.equal(find("cluster.local {\ncache\n}"), "null");
});

test("clusterUpstreams() takes the forward that is used for the zone", () => {
  assert.equal(
    find("cluster.local {\nforward svc.cluster.local 192.0.2.1\nforward . 192.0.2.2\n}"),
    "cluster.local. 192.0.2.2:53",
  );
});
