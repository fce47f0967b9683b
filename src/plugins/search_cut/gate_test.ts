import assert from "node:assert/strict";
import { test } from "node:test";
import { RCODE_NXDOMAIN } from "../../wire/constants.ts";
import { gatePlugin, queryAsking } from "../testing.ts";
import { searchCutSetup } from "./setup.ts";

const CUT = "search_cut cluster.local {\nnames com internal googleapis.com\n}";

test("SearchCutPlugin.deny() cuts names that end outside before a search domain", () => {
  const counts = {};
  const plugin = gatePlugin(searchCutSetup, CUT, { counts });
  const cases: [name: string, isCut: boolean][] = [
    ["www.example.com.shop.svc.cluster.local.", true],
    ["www.example.com.svc.cluster.local.", true],
    ["www.example.com.cluster.local.", true],
    ["example.com.shop.svc.cluster.local.", true],
    ["example.COM.svc.Cluster.local.", true],
    ["db.internal.shop.svc.cluster.local.", true],
    ["x.googleapis.com.shop.svc.cluster.local.", true],
    // Names that a cluster has.
    ["web.shop.svc.cluster.local.", false],
    ["pod-0.web.shop.svc.cluster.local.", false],
    ["_http._tcp.web.shop.svc.cluster.local.", false],
    ["10-0-0-1.shop.pod.cluster.local.", false],
    ["dns-version.cluster.local.", false],
    ["shop.svc.cluster.local.", false],
    ["cluster.local.", false],
    // A Service, a namespace or a name of its own that is called like an end.
    ["com.shop.svc.cluster.local.", false],
    ["com.svc.cluster.local.", false],
    ["com.cluster.local.", false],
    // Not the end of a label, not the end at all, another zone.
    ["a.xcom.shop.svc.cluster.local.", false],
    ["a.com.x.shop.svc.cluster.local.", false],
    ["www.example.com.", false],
    ["www.example.com.xcluster.local.", false],
  ];
  for (const [name, isCut] of cases) {
    const denial = plugin.deny(queryAsking(`${name} A`));
    assert.equal(denial !== null, isCut, name);
    if (denial !== null) assert.deepEqual([denial.rcode, denial.zoneLength], [RCODE_NXDOMAIN, 15]);
  }
  assert.deepEqual(counts, { nodens_search_cut_denied_total: 7 });
});

test("SearchCutPlugin.deny() takes other search domains", () => {
  const cut = "search_cut example.org {\nbelow dc1.example.org\nnames com\n}";
  const plugin = gatePlugin(searchCutSetup, cut);
  assert.notEqual(plugin.deny(queryAsking("www.example.com.dc1.example.org. MX")), null);
  assert.equal(plugin.deny(queryAsking("www.example.com.dc2.example.org. A")), null);
  assert.equal(plugin.deny(queryAsking("www.example.com.example.org. A")), null);
});
