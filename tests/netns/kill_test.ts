/** What clients notice when nodens dies without a word: next to nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { corefileFor, createLab } from "./support/lab.ts";
import { answeredAgainMs, describeLoad, monotonicMs, total } from "./support/load.ts";
import { CLUSTER_IP, KUBE_DNS_ENDPOINTS, NODE_LOCAL, UPSTREAM_IP } from "./support/places.ts";

const ADDRESSES = [CLUSTER_IP[4], CLUSTER_IP[6], NODE_LOCAL[4], NODE_LOCAL[6]];
const FALLBACK = [KUBE_DNS_ENDPOINTS[0]![4], `[${KUBE_DNS_ENDPOINTS[0]![6]}]:53`].join();
const LEASES = (process.env.LEASES ?? "tun").split(",");

for (const lease of LEASES) {
  test(`kill -9 with lease ${lease}`, async (context) => {
    const lab = await createLab(context);
    const corefile = corefileFor(ADDRESSES, [UPSTREAM_IP[4]]);
    const flags = ["-localip", ADDRESSES.join(), "-fallback", FALLBACK, "-lease", lease];
    const nodens = lab.startNodens(corefile, flags);
    const tookMs = await lab.untilIntercepting(nodens, ADDRESSES);
    await delay(1500);
    const settings = {
      targets: ADDRESSES,
      udpClients: 24,
      tcpClients: 8,
      intervalMs: 40,
      probeIntervalMs: 20,
    };
    const loads = [await lab.load("pod", settings), await lab.load("node", settings)];
    await delay(1000);
    console.log(nodens.stdout() + nodens.stderr(), tookMs);
    const killedMs = monotonicMs();
    nodens.child.kill("SIGKILL");
    await delay(2000);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    console.log(describeLoad(reports));
    for (const report of reports) {
      console.log("cpu", report.cpuMs);
      for (const { target, probes } of report.probes) {
        console.log(target, answeredAgainMs(probes, killedMs));
      }
    }
    assert.ok(total(reports, ({ transport }) => transport === "udp").lostMax <= 1);
  });
}
