import assert from "node:assert/strict";
import { test } from "node:test";
import { rulesCommand } from "./rules_command.ts";
import { readRulesOptions } from "./rules_flags.ts";

function print(values: Record<string, unknown>): string {
  const lines: string[] = [];
  const terminal = { out: (line: string) => lines.push(line), error: assert.fail };
  assert.equal(rulesCommand(readRulesOptions(values), terminal), 0);
  return lines.join("\n");
}

const SKIP = '-m comment --comment "nodens: skip conntrack" -j NOTRACK';
const LOCAL = "-m addrtype --dst-type LOCAL";

test("rulesCommand() prints a text per family, and each rule under its reason", () => {
  const text = print({ localip: ["192.0.2.10", "2001:db8::a"] });
  assert.match(text, /^# Rules of the lease tun, for iptables-restore --noflush\n\*filter\n/);
  assert.match(text, /\nCOMMIT\n\n# Rules of the lease tun, for ip6tables-restore --noflush\n/);
  const rule = `-I PREROUTING 1 -d 192.0.2.10/32 -p udp -m udp --dport 53 ${LOCAL} ${SKIP}`;
  assert.ok(text.includes(`\n# UDP queries of pods come to us and not to kube-dns\n${rule}\n`));
  assert.ok(!text.includes("*nat"));
});

test("rulesCommand() has DNAT for link-local addresses, and says why there is none", () => {
  const fallback = [{ address: "192.0.2.53", port: 53 }];
  const text = print({ localip: ["169.254.20.10", "192.0.2.10"], fallback });
  assert.equal(
    text.match(/-d 169\.254\.20\.10.* -j DNAT --to-destination 192.0.2.53:53$/gm)?.length,
    4,
  );
  assert.doesNotMatch(text, /-d 192\.0\.2\.10.*DNAT/);
  const none = print({ localip: ["192.0.2.10"], fallback });
  assert.match(none, /^# no address is link-local, .*: no DNAT$/m);
});

test("rulesCommand() says where the rest is with the lease nft", () => {
  const text = print({ localip: ["192.0.2.10"], lease: "nft" });
  assert.match(text, /^# queries are left untracked by a table of nftables/m);
  assert.doesNotMatch(text, /PREROUTING/);
});
