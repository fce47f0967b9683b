/** What clients notice when nodens dies without a word: next to nothing. */

import { test } from "node:test";
import { Figures } from "./support/figures.ts";
import { monotonicMs } from "./support/load.ts";
import type { Backend } from "./support/node_state.ts";
import { noteFailOver, observe, startStage } from "./support/outage.ts";

const FAILING_OPEN: readonly (readonly [lease: string, backend: Backend])[] = [
  ["tun", "nft"],
  ["tun", "legacy"],
];

for (const [lease, backend] of FAILING_OPEN) {
  test(`SIGKILL with lease ${lease}, kube-proxy by iptables-${backend}`, async (context) => {
    const { lab, nodens } = await startStage(context, { backend, flags: ["-lease", lease] });
    const outage = await observe(lab, () => {
      nodens.child.kill("SIGKILL");
      return monotonicMs();
    });
    const figures = new Figures(context, `SIGKILL, lease ${lease}, ${backend}`);
    noteFailOver(figures, outage);
    figures.assertMet(outage.text);
  });
}
