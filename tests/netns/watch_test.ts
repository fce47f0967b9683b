/** The change watch sees what others do to links, addresses, routes and rules. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LeaseNamespace } from "./support/lease_namespace.ts";
import { LineProcess } from "./support/line_process.ts";
import { needRoot } from "./support/namespaces.ts";

const NOTHING = { links: false, rules: false };
const LINKS = { links: true, rules: false };
const RULES = { links: false, rules: true };

const LEGACY_TABLES = [
  { family: 4, name: "raw" },
  { family: 4, name: "filter" },
  { family: 6, name: "raw" },
];

class Watched {
  readonly node: LeaseNamespace;
  readonly #process: LineProcess;

  constructor(context: TestContext, tables: unknown = [], runtime: "node" | "deno" = "node") {
    needRoot("make network namespaces");
    this.node = new LeaseNamespace(context);
    this.node.ip("link", "add", "svc", "type", "bridge");
    this.node.ip("link", "set", "svc", "up");
    this.node.ip("addr", "add", "198.51.100.10/32", "dev", "svc");
    this.node.ip("addr", "add", "2001:db8:96::a/128", "dev", "svc", "nodad");
    for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
      this.node.inNode(program, "-t", "raw", "-A", "OUTPUT", "-j", "ACCEPT");
      this.node.inNode(program, "-t", "filter", "-A", "OUTPUT", "-j", "ACCEPT");
    }
    const script = ["watch_driver.ts", JSON.stringify(tables)];
    this.#process = new LineProcess(context, { namespace: this.node.node, script, runtime });
  }

  async look(): Promise<unknown> {
    return JSON.parse(await this.#process.ask("look"));
  }

  /** What is seen of `command`, and that it is seen once. */
  async check(expected: unknown, ...command: readonly string[]): Promise<void> {
    this.node.inNode(...command);
    assert.deepEqual(await this.look(), expected, command.join(" "));
    assert.deepEqual(await this.look(), NOTHING, `after ${command.join(" ")}`);
  }

  /** From here on nothing is new. */
  async begin(): Promise<this> {
    await this.look();
    assert.deepEqual(await this.look(), NOTHING);
    return this;
  }
}

for (const runtime of ["node", "deno"] as const) {
  test(`ChangeWatch.poll() sees links, addresses and routes change (${runtime})`, async (context) => {
    const watched = await new Watched(context, [], runtime).begin();
    for (const words of [
      "route del local 198.51.100.10 dev svc table local",
      "addr del 198.51.100.10/32 dev svc",
      "-6 route del local 2001:db8:96::a dev svc table local",
      "addr del 2001:db8:96::a/128 dev svc",
      "link set svc down",
      "link del svc",
    ]) {
      await watched.check(LINKS, "ip", ...words.split(" "));
    }
  });
}

test("ChangeWatch.poll() sees rules of iptables-nft and nft change", async (context) => {
  const watched = await new Watched(context).begin();
  const rule = ["-t", "raw", "-s", "192.0.2.1", "-j", "NOTRACK"];
  for (const program of ["iptables-nft", "ip6tables-nft"]) {
    const words = program === "iptables-nft" ? rule : ["-t", "raw", "-j", "NOTRACK"];
    await watched.check(RULES, program, ...words, "-A", "OUTPUT");
    await watched.check(RULES, program, ...words, "-D", "OUTPUT");
  }
  await watched.check(RULES, "nft", "add", "table", "ip", "foreign");
  await watched.check(NOTHING, "iptables-legacy", "-t", "raw", "-F");
});

test("ChangeWatch.poll() sees rules of iptables-legacy change, in the tables it is given", async (context) => {
  const watched = await new Watched(context, LEGACY_TABLES).begin();
  await watched.check(RULES, "iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-j", "NOTRACK");
  await watched.check(RULES, "iptables-legacy", "-t", "raw", "-D", "OUTPUT", "2");
  await watched.check(RULES, "iptables-legacy", "-F", "OUTPUT");
  await watched.check(RULES, "ip6tables-legacy", "-t", "raw", "-F", "OUTPUT");
  await watched.check(NOTHING, "ip6tables-legacy", "-t", "filter", "-F", "OUTPUT");
});

test("ChangeWatch.poll() counts notices that were lost as a change", async (context) => {
  const watched = await new Watched(context).begin();
  const lines = Array.from(
    { length: 4000 },
    (_, index) => `addr add 10.${index >> 8}.${index & 255}.1/32 dev svc`,
  );
  watched.node.inNode("sh", "-c", `printf '%s\\n' "$0" | ip -batch -`, lines.join("\n"));
  assert.deepEqual(await watched.look(), LINKS);
});
