/** What clients notice when nodens dies without a word: next to nothing. */

import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Figures } from "./support/figures.ts";
import { corefileFor, createLab } from "./support/lab.ts";
import { answeredAgainMs, describeLoad, monotonicMs, total } from "./support/load.ts";
import { CLUSTER_IP, KUBE_DNS_ENDPOINTS, NODE_LOCAL, UPSTREAM_IP } from "./support/places.ts";

const ADDRESSES = [CLUSTER_IP[4], CLUSTER_IP[6], NODE_LOCAL[4], NODE_LOCAL[6]];
const FALLBACK = [KUBE_DNS_ENDPOINTS[0]![4], `[${KUBE_DNS_ENDPOINTS[0]![6]}]:53`].join();

test("kill -9 with lease tun", async (context) => {
  const lab = await createLab(context);
  const corefile = corefileFor(ADDRESSES, [UPSTREAM_IP[4]]);
  const flags = ["-localip", ADDRESSES.join(), "-fallback", FALLBACK, "-lease", "tun"];
  const nodens = lab.startNodens(corefile, flags);
  await lab.untilIntercepting(nodens, ADDRESSES);
  const settings = {
    targets: ADDRESSES,
    udpClients: 24,
    tcpClients: 8,
    intervalMs: 40,
    probeIntervalMs: 20,
  };
  const loads = [await lab.load("pod", settings), await lab.load("node", settings)];
  await delay(1000);
  const killedMs = monotonicMs();
  nodens.child.kill("SIGKILL");
  await delay(2000);
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const figures = new Figures(context, "SIGKILL, lease tun");
  const udp = total(reports, ({ transport }) => transport === "udp");
  const tcp = total(reports, ({ transport }) => transport === "tcp");
  figures.atMost("lost by one UDP client", udp.lostMax, 1);
  figures.atMost("lost by one TCP client", tcp.lostMax, 2);
  const again = reports.flatMap((report) =>
    report.probes.map(({ probes }) => answeredAgainMs(probes, killedMs)),
  );
  figures.atMost("answered again", Math.max(...again), 100, "ms");
  figures.assertMet(describeLoad(reports));
});
