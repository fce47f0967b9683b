import assert from "node:assert/strict";
import { test } from "node:test";
import { SimIptables } from "../../tests/support/sim_iptables.ts";
import { findLeftovers, whyLinkStays } from "./leftovers.ts";

const REQUEST = {
  addresses: [],
  interfaceName: "nodelocaldns",
  port: 53,
  healthPort: 8080,
};

const LINK = { index: 7, name: "nodelocaldns", kind: "dummy", isUp: true, master: 0 };
const COMMENTED = 'OUTPUT -s 192.0.2.9/32 -m comment --comment "nodens: old" -j NOTRACK';
const BARE = "PREROUTING -d 192.0.2.10/32 -p udp -m udp --dport 53 -j NOTRACK";
const FOREIGN = "OUTPUT -d 192.0.2.10/32 -p udp -m udp --dport 5353 -j NOTRACK";

function held(address: string, prefixLength = address.includes(":") ? 128 : 32) {
  return { address, prefixLength, linkIndex: LINK.index, scope: 0 };
}

/** A node with a link that holds `addresses`, and rules of all kinds. */
function makeNode(kind = "dummy", addresses = [held("192.0.2.10")]) {
  const machine = new SimIptables();
  machine.tables.set("nft 4 raw", [FOREIGN, BARE, COMMENTED, COMMENTED]);
  machine.tables.set("legacy 6 raw", ["OUTPUT -j DROP"]);
  machine.tables.set("legacy 4 filter", [COMMENTED.replace("NOTRACK", "ACCEPT")]);
  let link: typeof LINK | null = { ...LINK, kind };
  const links = {
    findLink: () => (link === null ? null : { ...link, isMultiQueue: false }),
    links: () => [],
    addresses: () => addresses,
    deleteLink: () => {
      link = null;
      return { code: 0, detail: "", messages: [] };
    },
  };
  return { machine, links };
}

test("findLeftovers() finds link and rules, and their removal leaves others' alone", async () => {
  const node = makeNode();
  const { groups, users } = await findLeftovers(REQUEST, node);
  assert.deepEqual(users, []);
  assert.deepEqual(
    groups.flatMap(({ things }) => things),
    [
      "link nodelocaldns (dummy, 192.0.2.10)",
      `rule iptables-nft -t raw ${BARE}`,
      `rule iptables-nft -t raw ${COMMENTED}`,
      `rule iptables-nft -t raw ${COMMENTED}`,
      `rule iptables-legacy -t filter ${COMMENTED.replace("NOTRACK", "ACCEPT")}`,
    ],
  );
  for (const group of groups) await group.remove();
  assert.deepEqual([...node.machine.tables.values()].flat(), [FOREIGN, "OUTPUT -j DROP"]);
  assert.equal(node.links.findLink(), null);
});

test("findLeftovers() takes rules without comments only for addresses that it knows", async () => {
  const none = await findLeftovers(REQUEST, makeNode("dummy", []));
  assert.ok(!none.groups.flatMap(({ things }) => things).some((thing) => thing.includes(BARE)));
  const named = await findLeftovers({ ...REQUEST, addresses: ["192.0.2.10"] }, makeNode());
  assert.ok(named.groups.flatMap(({ things }) => things).some((thing) => thing.includes(BARE)));
});

test("findLeftovers() says who goes on using what it found", async () => {
  const node = makeNode("tun");
  const rest = "00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 4711 2 0 0";
  const socket = (address: string) => `  1: ${address}:0035 ${rest}`;
  const readFile = node.machine.readFile.bind(node.machine);
  node.machine.readFile = (path) =>
    path === "/proc/net/udp" ? [socket("090200C0"), socket("630200C0")].join("\n") : readFile(path);
  node.machine.installed.add("nft");
  node.machine.intervene = (call) => {
    if (call === "nft list tables") return { stdout: "table ip nodens-1\ntable ip6 filter\n" };
    if (call !== "nft list table ip nodens-1") return null;
    return { stdout: "table ip nodens-1 { # progname nodens\n\tflags owner\n}\n" };
  };
  const { groups, users } = await findLeftovers(REQUEST, node);
  assert.deepEqual(users, [
    "a process listens on port 53 of 192.0.2.9",
    "a process holds the device nodelocaldns",
    "a process owns the table ip nodens-1 of nftables",
  ]);
  const kept = groups.filter(({ keptBecause }) => keptBecause !== null);
  assert.deepEqual(
    kept.flatMap(({ things }) => things),
    ["table ip nodens-1 of nftables"],
  );
});

test("findLeftovers() passes over a family that the machine lacks", async () => {
  const node = makeNode();
  for (const program of node.machine.installed) {
    if (program.startsWith("ip6")) node.machine.installed.delete(program);
  }
  assert.equal((await findLeftovers(REQUEST, node)).groups.length, 3);
});

test("whyLinkStays() lets a link go only when it does nothing but hold addresses for DNS", () => {
  const good = [held("192.0.2.10"), held("2001:db8::a"), held("fe80::1", 64)];
  const check = (link: object, around: object = {}) =>
    whyLinkStays({ ...LINK, ...link }, { links: [], held: good, addresses: [], ...around });
  for (const kind of ["tun", "dummy", "bridge"]) assert.equal(check({ kind }), null);
  assert.equal(check({}, { addresses: ["192.0.2.10", "2001:db8::a", "192.0.2.11"] }), null);
  for (const [reason, why] of [
    ["it is of the kind veth, which neither nodens nor node-cache makes", check({ kind: "veth" })],
    ["it is a link of hardware, which neither nodens nor node-cache makes", check({ kind: "" })],
    ["it is a port of another link", check({ master: 3 })],
    ["other links are its ports", check({}, { links: [{ master: 0 }, { master: 7 }] })],
    [
      "it holds 192.0.2.1/24, the address of a network",
      check({}, { held: [...good, held("192.0.2.1", 24)] }),
    ],
    [
      "it holds 2001:db8::a, which -localip does not name",
      check({}, { addresses: ["192.0.2.10"] }),
    ],
  ]) {
    assert.equal(why, reason);
  }
});
