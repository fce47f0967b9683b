/** Many names in a short time, from a pod: what fills the cache of a node. */

import { program } from "../../bench/programs.ts";
import type { Lab } from "../../netns/support/lab.ts";
import { CLUSTER_IP } from "../../netns/support/places.ts";
import { until } from "../../support/until.ts";
import { sampleCorefile } from "./pod.ts";

/** Answers any name, faster than the stand-in for kube-dns; in namespace `cluster`. */
export const RESPONDER = "10.244.9.99";

const NAMES = 300_000;
/** Long, so that there are fewer to ask until the cache is full; the responder knows the zone. */
const PATTERN = `${"a".repeat(50)}.${"b".repeat(50)}.${"c".repeat(40)}.n%07u.bench.zz`;
const FLOOD_TIMEOUT_MS = 60_000;

/** The sample without a count of entries in `cache`: -memory alone is the limit. */
export function corefileWithoutCounts(): string {
  return sampleCorefile().replaceAll("success 9984 30", "success 2000000 3600");
}

export async function startResponder(lab: Lab): Promise<void> {
  await lab.run("cluster", "ip", ["address", "add", `${RESPONDER}/32`, "dev", "lo"]);
  const words = ["--host", RESPONDER, "--ttl", "3600"];
  const responder = lab.spawn("cluster", program("responder"), words);
  await until("the responder is ready", () => /ready/.test(responder.stdout()));
}

/** Asks 300,000 names of 160 bytes, each once. */
export async function flood(lab: Lab): Promise<void> {
  const words = [
    ...["--host", CLUSTER_IP[4], "--pattern", PATTERN, "--order", "counter", "--window", "400"],
    ...["--names", String(NAMES), "--count", String(NAMES), "--expect-answers", "-1"],
  ];
  await lab.run("pod", program("dnsload"), words, { timeoutMs: FLOOD_TIMEOUT_MS });
}
