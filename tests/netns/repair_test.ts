/** What others take away is put back within five seconds, and DNS goes on meanwhile. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../support/until.ts";
import { ADDRESSES, startUsual } from "./support/busy_node.ts";
import { Figures } from "./support/figures.ts";
import { createLab, type Lab } from "./support/lab.ts";
import { monotonicMs } from "./support/load.ts";
import { iptablesCommand } from "./support/node_state.ts";
import { CLUSTER_IP, NODE_LOCAL } from "./support/places.ts";

const MEND_MS_MAX = 5_000;
/**
 * Without the rules for replies a late answer is tracked, and its client's socket meets a dead flow
 * (src/net/README.md): it is dark until they are back, a query and a second at a time.
 */
const LOST_WITHOUT_RULES_MAX = 4;

/** Rules, links, addresses and routes, in an order that does not count. */
async function stateOf(lab: Lab): Promise<string> {
  return (await lab.snapshot()).split("\n").sort().join("\n");
}

async function startSettled(lab: Lab, flags: readonly string[] = []) {
  const nodens = startUsual(lab, { flags });
  await lab.untilIntercepting(nodens, ADDRESSES);
  await until("it has done what it left for later", () => nodens.stdout().includes("up to date"));
  return nodens;
}

for (const backend of ["nft", "legacy"] as const) {
  test(`nodens mends what others delete, by iptables-${backend}`, async (context) => {
    const lab = await createLab(context, { backend });
    const nodens = await startSettled(lab);
    const whole = await stateOf(lab);
    const v4 = iptablesCommand(4, backend, "");
    const v6 = iptablesCommand(6, backend, "");
    const local = ["table", "local", "dev", "nodelocaldns"];
    const damages: readonly (readonly [what: string, ...command: string[]])[] = [
      ["all rules of raw", v4, "-t", "raw", "-F"],
      ["all rules of raw, IPv6", v6, "-t", "raw", "-F", "OUTPUT"],
      ["a rule of filter", v4, "-D", "INPUT", "1"],
      ["fallback rules", v4, "-t", "nat", "-D", "PREROUTING", "1"],
      ["an address", "ip", "addr", "del", `${CLUSTER_IP[4]}/32`, "dev", "nodelocaldns"],
      ["an IPv6 address", "ip", "addr", "del", `${CLUSTER_IP[6]}/128`, "dev", "nodelocaldns"],
      ["a route", "ip", "route", "del", "local", NODE_LOCAL[4], ...local],
      [
        "the link, down and up",
        "sh",
        "-c",
        "ip link set nodelocaldns down; ip link set nodelocaldns up",
      ],
      ["the link, down", "ip", "link", "set", "nodelocaldns", "down"],
      ["the link", "ip", "link", "del", "nodelocaldns"],
    ];
    const figures = new Figures(context, `others delete, iptables-${backend}`);
    for (const [what, command, ...words] of damages) {
      const load = await lab.load("pod", {
        targets: [CLUSTER_IP[4]],
        udpClients: 4,
        tcpClients: 0,
      });
      const fromMs = monotonicMs();
      await lab.run("node", command!, words);
      await until(`${what}: mended`, async () => (await stateOf(lab)) === whole, 2 * MEND_MS_MAX);
      figures.atMost(`${what}, mended`, monotonicMs() - fromMs, MEND_MS_MAX, "ms");
      const [udp] = (await load.stop()).clients;
      const lostMax = what.startsWith("all rules") ? LOST_WITHOUT_RULES_MAX : 1;
      assert.ok(udp!.lost <= lostMax, `${what}: ${udp!.lost} of ${udp!.asked} lost`);
    }
    figures.assertMet(nodens.stdout() + nodens.stderr());
    assert.match(nodens.stdout(), /mended link and addresses/);
    assert.match(nodens.stdout(), /mended \d+ rules/);
    assert.equal(await nodens.stop(), 0);
  });
}

test("nodens fights nobody over the order of rules", async (context) => {
  const lab = await createLab(context);
  const nodens = await startSettled(lab);
  const command = iptablesCommand(4, "nft", "");
  for (let second = 0; second < 5; second++) {
    await lab.attempt("node", command, ["-t", "raw", "-D", "PREROUTING", "-j", "ACCEPT"]);
    await lab.run("node", command, ["-t", "raw", "-I", "PREROUTING", "1", "-j", "ACCEPT"]);
    await delay(1000);
  }
  const raw = (await lab.rules(4)).filter((rule) => rule.startsWith("raw -A PREROUTING"));
  assert.match(raw[0]!, /-j ACCEPT$/);
  assert.doesNotMatch(nodens.stdout(), /mended/);
});
