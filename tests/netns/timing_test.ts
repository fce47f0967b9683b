/** How long it takes to change a node for four addresses in two families, and to change it back. */

import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Figures } from "./support/figures.ts";
import { createLab } from "./support/lab.ts";
import type { BestTimes } from "./support/timing_driver.ts";

const MS_MAX = 60;
const DRIVER = join(import.meta.dirname, "support", "timing_driver.ts");

for (const backend of ["nft", "legacy"] as const) {
  test(`four addresses are installed and removed in no time, by iptables-${backend}`, async (context) => {
    const lab = await createLab(context, { backend });
    const flags = ["--disable-warning=ExperimentalWarning", "--experimental-ffi"];
    const text = await lab.run("node", process.execPath, [...flags, DRIVER]);
    const times = JSON.parse(text) as BestTimes;
    const figures = new Figures(context, `4 addresses in 2 families, iptables-${backend}`);
    figures.atMost("install, rules and lease", times.install, MS_MAX, "ms");
    figures.atMost("teardown, lease", times.dropLease, MS_MAX, "ms");
    figures.atMost("teardown, rules", times.removeRules, MS_MAX, "ms");
    figures.assertMet();
  });
}
