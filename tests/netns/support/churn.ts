/** Many starts and stops on one node, a third of them killed at any moment: nothing may stay. */

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Prng } from "../../../src/std/prng.ts";
import type { Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import { ADDRESSES, startUsual } from "./busy_node.ts";
import { createLab } from "./lab.ts";

const LEASES = ["tun", "nft", "socket", "none"];
/** A start takes about 250 ms: killed before, in the middle, and when all is done. */
const KILLED_AFTER_MS_MAX = 400;

export interface Churn {
  readonly starts: number;
  readonly killed: number;
}

/** @throws {AssertionError} when anything of ours is left, or anything of others has changed. */
export async function churn(context: Ending, count: number, seed: number): Promise<Churn> {
  const prng = new Prng(seed);
  const lab = await createLab(context);
  const before = await lab.snapshot();
  let killed = 0;
  for (let start = 0; start < count; start++) {
    const lease = LEASES[prng.below(LEASES.length)]!;
    const nodens = startUsual(lab, { lease, flags: ["-metrics-listen-address", "0"] });
    if (prng.below(3) === 0) {
      await delay(prng.below(KILLED_AFTER_MS_MAX));
      await nodens.stop("SIGKILL");
      killed += 1;
      continue;
    }
    await until("nodens intercepts", () => nodens.stdout().includes("intercepting "));
    assert.equal(await nodens.stop(), 0, nodens.stderr());
  }
  // One life without violence takes along what others have left.
  const last = startUsual(lab);
  await lab.untilIntercepting(last, ADDRESSES);
  await until("it has looked everywhere", () => last.stdout().includes("up to date"));
  assert.equal(await last.stop(), 0, last.stderr());
  assert.equal(await lab.snapshot(), before);
  return { starts: count, killed };
}
