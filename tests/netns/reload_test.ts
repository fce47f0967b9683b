/** Another configuration while the node's DNS addresses are taken over. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { until } from "../support/until.ts";
import { ADDRESSES, BusyNode, startUsual } from "./support/busy_node.ts";
import { corefileFor, createLab, type Lab, type LabNodens } from "./support/lab.ts";
import { UPSTREAM_IP } from "./support/places.ts";

const RELOADS = 10;

function linesWith(nodens: LabNodens, text: string): number {
  return nodens
    .stdout()
    .split("\n")
    .filter((line) => line.includes(text)).length;
}

async function configErrors(lab: Lab): Promise<number> {
  const text = await lab.run("node", "curl", ["-s", "http://127.0.0.1:9353/metrics"]);
  return Number(/errortype="configmap"\} (\d+)/.exec(text)?.[1] ?? Number.NaN);
}

test("changes of the configuration cost no query, and what would give an address up is refused", async (context) => {
  const lab = await createLab(context);
  const before = await lab.snapshot();
  const nodens = startUsual(lab);
  await lab.untilIntercepting(nodens, ADDRESSES);
  const usual = corefileFor(ADDRESSES, [UPSTREAM_IP[4]]);
  const node = await BusyNode.start(lab, ADDRESSES);
  for (let reload = 1; reload <= RELOADS; reload++) {
    // Every other one has a listener more.
    const more = reload % 2 === 0 ? ".:5300 {\n bind 127.0.0.1\n whoami\n}\n" : "";
    writeFileSync(nodens.corefile, `${usual.replace("cache 30", `cache ${30 + reload}`)}${more}`);
    process.kill(nodens.pid, "SIGUSR1");
    await until(`reload ${reload}`, () => linesWith(nodens, "Reloading complete") === reload);
  }
  const seen = await node.settle();
  seen.expectLost({ udp: 0, tcp: 0 });
  assert.equal(seen.all.byKubeDns, 0, seen.text);

  writeFileSync(nodens.corefile, corefileFor(ADDRESSES.slice(1), [UPSTREAM_IP[4]]));
  process.kill(nodens.pid, "SIGUSR1");
  await until("it is refused", () => linesWith(nodens, "reload failed") === 1);
  assert.equal(linesWith(nodens, `Cannot take over ${ADDRESSES[0]}:53`), 1);
  assert.equal(await configErrors(lab), 0);
  writeFileSync(nodens.corefile, "nonsense {\n");
  process.kill(nodens.pid, "SIGUSR1");
  await until("it is refused, too", () => linesWith(nodens, "reload failed") === 2);
  assert.equal(await configErrors(lab), 1);
  const after = await node.settle();
  after.expectLost({ udp: 0, tcp: 0 });
  await node.stop();
  assert.equal(await nodens.stop(), 0);
  assert.equal(await lab.snapshot(), before);
});
