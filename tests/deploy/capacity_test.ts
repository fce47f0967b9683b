/**
 * The figures that the manual reckons with, looked at again: bytes of an answer, questions and
 * connections that an upstream sees.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { withCapacityTables } from "../../hack/capacity.ts";
import { ask } from "../support/dns_client.ts";
import { parseRecord } from "../support/dns_message.ts";
import { freePort } from "../support/free_port.ts";
import {
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { serve } from "../support/serve.ts";
import { parseMetrics, sumOf } from "../support/sim_metrics.ts";
import { until } from "../support/until.ts";
import { DEPLOY } from "./support/expressions.ts";

const MANUAL = readFileSync(join(DEPLOY, "README.md"), "utf8");
const NXDOMAIN = 3;
const NAMES = 200;
const SOA =
  "cluster.local. 30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30";
const BALANCER = "balancer-1234567890.eu-west-1.example.com.";

interface Node {
  readonly upstream: ScriptedUpstream;
  ask(name: string): Promise<unknown>;
  metrics(): Promise<ReadonlyMap<string, number>>;
}

async function startNode(
  context: TestContext,
  options: { readonly workers?: number; readonly onQuery?: (query: UpstreamQuery) => void } = {},
): Promise<Node> {
  const upstream = await startScriptedUpstream(context, options.onQuery);
  const port = await freePort();
  const corefile = `.:0 {
    bind 127.0.0.1
    cache 30
    forward . 127.0.0.1:${upstream.port} {
        force_tcp
    }
    prometheus 127.0.0.1:${port}
}
`;
  const parameters = ["-workers", String(options.workers ?? 1)];
  const served = await serve(context, corefile, { parameters });
  const metrics = async () => {
    let text = "";
    await until("there are metrics", async () => {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => null);
      text = (await response?.text()) ?? "";
      return text !== "";
    });
    return parseMetrics(text);
  };
  return { upstream, metrics, ask: (name) => ask(served.port, name, "A") };
}

/** A name as a Service has it, of 40 letters. */
const serviceName = (number: number) =>
  `service-${String(number).padStart(5, "0")}.namespace-${number % 10}.svc.cluster.local`;

/** The bytes that the manual says a kind of answer has. */
function documentedBytes(what: string): number {
  const found = new RegExp(`^\\| ${what} \\| (\\d+) bytes \\|$`, "m").exec(MANUAL);
  assert.ok(found !== null, `the manual has no bytes of ${what}`);
  return Number(found[1]);
}

for (const [what, onQuery] of [
  [
    "an answer with one address",
    (query: UpstreamQuery) =>
      query.reply({ answer: [parseRecord(`${query.name} 300 A 192.0.2.1`)] }),
  ],
  [
    "a denial with its SOA",
    (query: UpstreamQuery) => query.reply({ rcode: NXDOMAIN, authority: [parseRecord(SOA)] }),
  ],
  [
    "a CNAME and four addresses",
    (query: UpstreamQuery) =>
      query.reply({
        answer: [
          parseRecord(`${query.name} 300 CNAME ${BALANCER}`),
          ...[1, 2, 3, 4].map((last) => parseRecord(`${BALANCER} 60 A 192.0.2.${last}`)),
        ],
      }),
  ],
] as const) {
  test(`the manual has the bytes of ${what}`, async (context) => {
    const node = await startNode(context, { onQuery });
    const before = sumOf(await node.metrics(), "nodens_memory_used_bytes");
    for (let number = 0; number < NAMES; number++) await node.ask(serviceName(number));
    const samples = await node.metrics();
    assert.equal(sumOf(samples, "coredns_cache_entries"), NAMES);
    const used = sumOf(samples, "nodens_memory_used_bytes") - before;
    assert.equal(used / NAMES, documentedBytes(what));
  });
}

for (const workers of [1, 2]) {
  test(`an upstream hears of a name once in its life, with ${workers} workers`, async (context) => {
    const node = await startNode(context, { workers });
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 10 }, (_, number) => node.ask(serviceName(number))));
    }
    assert.equal(node.upstream.heard.length, 10);
    // A connection of each worker, and none that is not used.
    assert.ok(node.upstream.connections.size <= workers, `${node.upstream.connections.size}`);
  });
}

test("the tables of the manual are those that hack/capacity.ts reckons", () => {
  assert.equal(MANUAL, withCapacityTables(MANUAL), "run `npm run fmt`");
});
