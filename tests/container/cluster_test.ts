/** The playground of `hack/run.sh --cluster`: scripts, manifests, image and kubectl are real. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { playCluster } from "../../hack/play_cluster.ts";
import { Stage } from "../../hack/stage.ts";

test("a cluster gets nodens, in place of node-cache, upgrades it, and is rid of it", async (context) => {
  let said = "";
  const stage = new Stage((text) => {
    said += text;
  });
  await playCluster(stage, context);
  assert.equal(stage.wrong, 0, said);
  assert.ok(stage.checked > 20, said);
});
