/** The kernel kills nodens because its container is out of memory: as SIGKILL, with less notice. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { launchNodens } from "../support/nodens_process.ts";
import { makeControlGroup } from "./support/control_group.ts";
import { Figures } from "./support/figures.ts";
import { noteFailOver, observe, startStage } from "./support/outage.ts";
import { program } from "./support/programs.ts";

/** What nodens may still take once the limit is set: it must not die before its time. */
const HEADROOM_BYTES = 8 << 20;
/** What the other one leaves, so that it has room when nodens is dead. */
const SPARE_BYTES = 16 << 20;

test("the OOM killer in a memory cgroup", async (context) => {
  const hogPath = await program("memory_hog");
  const group = await makeControlGroup(context, "memory");
  const { lab, nodens } = await startStage(context, { group });
  const outage = await observe(lab, async () => {
    // As the kubelet does with pods that have no requests: of two, this one has to go.
    writeFileSync(`/proc/${nodens.pid}/oom_score_adj`, "1000");
    const limitBytes = group.memoryBytes() + HEADROOM_BYTES;
    group.limitMemory(limitBytes);
    const ended = once(nodens.child, "exit");
    // Another process of the container takes all the memory.
    const hog = launchNodens([String(limitBytes - SPARE_BYTES)], [...group.words, hogPath]);
    cleanUp(context, () => hog.stop("SIGKILL"));
    await ended;
    return null;
  });
  assert.equal(nodens.child.signalCode, "SIGKILL", nodens.stderr());
  // Of its own children, which read rules, some may have gone before it.
  assert.ok(group.oomKillCount() >= 1);
  const figures = new Figures(context, "OOM killer");
  noteFailOver(figures, outage);
  figures.assertMet(outage.text);
});
