/** The doctor in a network namespace where several things are wrong. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { examine } from "../../src/net/doctor.ts";
import { systemFacts } from "../../src/net/doctor_facts.ts";
import { cleanUp } from "../support/clean_up.ts";
import { NetworkNamespace } from "./support/network_namespace.ts";

const IS_ROOT = process.getuid?.() === 0;

test("examine() finds what is wrong in a real kernel, and changes nothing", {
  skip: !IS_ROOT,
}, async (context) => {
  const namespace = new NetworkNamespace();
  cleanUp(context, () => namespace.remove());
  const run = (words: string) => namespace.run(...(words.split(" ") as [string, ...string[]]));
  // Not every kernel has the type of link that kube-proxy uses.
  await run("ip link add kube-ipvs0 type bridge");
  await run("ip address add 10.96.0.10/32 dev kube-ipvs0");
  await run("ip link add nodelocaldns type bridge");
  const comment = ["-m", "comment", "--comment", "nodens: left"];
  await namespace.run("iptables-legacy", ..."-t raw -A OUTPUT".split(" "), ...comment);
  const facts = {
    ...systemFacts,
    commands: namespace.commands,
    readFile: (path: string) =>
      /^\/proc\/(net|sys\/net)\//.test(path)
        ? namespace.readFile(path)
        : systemFacts.readFile(path),
  };
  const before = await run("ip -d address");
  const subject = { addresses: ["169.254.20.10", "10.96.0.10"], interfaceName: "nodelocaldns" };
  const findings = await examine(facts, subject);
  const text = findings.map(({ level, what, found }) => `${level} ${what}: ${found}`).join("\n");
  assert.match(text, /^ok lease: .*\bsocket\b/m);
  assert.match(text, /^note link: nodelocaldns is a bridge/m);
  assert.match(text, /^ok addrtype: the kernel has it$/m);
  assert.match(text, /^note rules: 1 of ours in the backend that is not used$/m);
  assert.match(text, /^bad kube-proxy: 10\.96\.0\.10 cannot be intercepted: .* on kube-ipvs0$/m);
  assert.match(text, /^ok port 53: nobody listens$/m);
  assert.equal(await run("ip -d address"), before);
  assert.equal(await run("nft list ruleset"), "");
  assert.equal(namespace.readFile("/proc/net/ip_tables_names"), "raw\n");
  assert.equal(namespace.readFile("/proc/net/ip6_tables_names"), "");
});
