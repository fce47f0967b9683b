import assert from "node:assert/strict";
import { test } from "node:test";
import type { Plan } from "../handoff/plan.ts";
import { compilePlan } from "./compile.ts";
import { requireConfig } from "./load.ts";
import { memorySource } from "./source.ts";

function compile(text: string): Plan {
  const { config } = requireConfig({ confFile: null, source: memorySource({ Corefile: text }) });
  return compilePlan(config, 7);
}

const ORDINARY = { isTransparent: false, isPrivate: false };

test("compilePlan() makes one listener per address and port, with the zones of all blocks there", () => {
  const plan = compile(
    [
      "cluster.local:53 in-addr.arpa:5353 {",
      "  bind 169.254.20.10 192.0.2.10",
      "  forward . 192.0.2.1",
      "}",
      ".:53 {",
      "  bind 192.0.2.10",
      "  forward . 192.0.2.2",
      "}",
    ].join("\n"),
  );
  const cluster = { zone: "cluster.local.", view: 0 };
  const reverse = { zone: "in-addr.arpa.", view: 0 };
  assert.deepEqual(plan.listeners, [
    { address: "169.254.20.10", port: 53, ...ORDINARY, zones: [cluster] },
    { address: "169.254.20.10", port: 5353, ...ORDINARY, zones: [reverse] },
    { address: "192.0.2.10", port: 53, ...ORDINARY, zones: [cluster, { zone: ".", view: 1 }] },
    { address: "192.0.2.10", port: 5353, ...ORDINARY, zones: [reverse] },
  ]);
  assert.equal(plan.generation, 7);
});

test("compilePlan() listens on both wildcards for a block without bind", () => {
  const zones = [{ zone: ".", view: 0 }];
  assert.deepEqual(compile(". {\nforward . 192.0.2.1\n}").listeners, [
    { address: "0.0.0.0", port: 53, ...ORDINARY, zones },
    { address: "::", port: 53, ...ORDINARY, zones },
  ]);
});

test("compilePlan() makes a view of every block, whatever the order of its directives", () => {
  const lines = ["forward . 192.0.2.1", "cache 30", "log", "errors"];
  const plan = compile(`Example.org, b:54 {\n${lines.join("\n")}\n}\nc {\n}`);
  assert.deepEqual(
    compile(`Example.org, b:54 {\n${lines.toReversed().join("\n")}\n}\nc {\n}`),
    plan,
  );
  const [first, second] = plan.views;
  assert.equal(first.name, "Example.org");
  assert.deepEqual(first.zones, ["example.org.", "b."]);
  assert.deepEqual(first.cache?.zones, ["example.org.", "b."]);
  assert.equal(first.cache?.success.ttlSecMax, 30);
  assert.equal(first.forwards.length, 1);
  assert.equal(first.errors, true);
  assert.equal(first.log.length, 1);
  assert.deepEqual(second, {
    id: 1,
    name: "c",
    zones: ["c."],
    cache: null,
    forwards: [],
    plugins: [],
    errors: false,
    log: [],
  });
});

test("compilePlan() gives plain data that a worker can be sent", () => {
  const plan = compile(". {\ncache {\nsuccess 1 2 3\n}\nforward . 192.0.2.1\nlog\n}");
  assert.deepEqual(structuredClone(plan), plan);
});
