/** What glibc's resolver sees, which sends A and AAAA from one socket. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ADDRESSES, startUsual } from "./support/busy_node.ts";
import { Figures } from "./support/figures.ts";
import { createLab } from "./support/lab.ts";

const LOOKUPS = { name: "hit-1.example.org", count: 10_000, threads: 8 };

test("10,000 lookups by getaddrinfo, through DNAT and through nodens", async (context) => {
  const lab = await createLab(context, { endpointCount: 2 });
  const through = await lab.getaddrinfo("pod", LOOKUPS);
  assert.ok((await lab.conntrack()).length > 0, "DNAT leaves flows behind");
  context.diagnostic(`through DNAT: ${JSON.stringify(through)}`);
  await lab.flushConntrack();

  const nodens = startUsual(lab);
  await lab.untilIntercepting(nodens, ADDRESSES);
  await lab.flushConntrack();
  const figures = new Figures(context, "10,000 getaddrinfo");
  const seen = await lab.getaddrinfo("pod", LOOKUPS);
  figures.atMost("failed", seen.failed, 0);
  figures.atMost("over 100 ms", seen.over100Ms, 0);
  figures.atMost("flows of clients in conntrack", (await lab.conntrack()).length, 0);
  figures.assertMet(JSON.stringify(seen));
  assert.equal(seen.count, LOOKUPS.count);
});
