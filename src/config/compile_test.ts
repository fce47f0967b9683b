import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyViewPlan, type Plan, TIMEOUTS_DEFAULT, type ZoneRoute } from "../handoff/plan.ts";
import { PlanNumbers } from "../handoff/plan_numbers.ts";
import { compilePlan } from "./compile.ts";
import { requireConfig } from "./load.ts";
import { memorySource } from "./source.ts";

function compile(text: string, rows?: PlanNumbers): Plan {
  const { config } = requireConfig({ confFile: null, source: memorySource({ Corefile: text }) });
  return compilePlan(config, 7, rows === undefined ? {} : { rows });
}

function listener(address: string, port: number, droppedScope: number, zones: ZoneRoute[]) {
  return {
    address,
    port,
    isTransparent: false,
    isPrivate: false,
    zones,
    droppedScope,
    timeouts: TIMEOUTS_DEFAULT,
  };
}

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
  const cluster = (scope: number) => ({ zone: "cluster.local.", view: 0, scope });
  const reverse = (scope: number) => ({ zone: "in-addr.arpa.", view: 0, scope });
  assert.deepEqual(plan.listeners, [
    listener("169.254.20.10", 53, 0, [cluster(1)]),
    listener("169.254.20.10", 5353, 2, [reverse(3)]),
    listener("192.0.2.10", 53, 4, [cluster(5), { zone: ".", view: 1, scope: 8 }]),
    listener("192.0.2.10", 5353, 6, [reverse(7)]),
  ]);
  assert.equal(plan.generation, 7);
});

test("compilePlan() listens on both wildcards for a block without bind", () => {
  const zones = [{ zone: ".", view: 0, scope: 1 }];
  assert.deepEqual(compile(". {\nforward . 192.0.2.1\n}").listeners, [
    listener("0.0.0.0", 53, 0, zones),
    listener("::", 53, 0, zones),
  ]);
});

test("compilePlan() keeps the number of a server and zone, and labels it as CoreDNS does", () => {
  const numbers = new PlanNumbers();
  const { scopes } = numbers;
  compile("a b {\nbind 192.0.2.1 2001:db8::1\n}", numbers);
  const [first, second] = compile("c:54 {\n}\nb {\nbind 2001:db8::1\n}", numbers).listeners;
  assert.deepEqual(
    [first, second].map(({ zones }) => scopes.labels[zones[0].scope]),
    [
      { server: "dns://:54", zone: "c.", view: "" },
      { server: "dns://:54", zone: "c.", view: "" },
    ],
  );
  const labels = scopes.labels.map(({ server, zone }) => `${zone} ${server}`);
  assert.deepEqual(labels, [
    "dropped dns://192.0.2.1:53",
    "a. dns://192.0.2.1:53",
    "b. dns://192.0.2.1:53",
    "dropped dns://[2001:db8::1]:53",
    "a. dns://[2001:db8::1]:53",
    "b. dns://[2001:db8::1]:53",
    "dropped dns://:54",
    "c. dns://:54",
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
  assert.deepEqual(second, { id: 1, ...emptyViewPlan("c", ["c."]) });
});

test("compilePlan() gives plain data that a worker can be sent", () => {
  const plan = compile(". {\ncache {\nsuccess 1 2 3\n}\nforward . 192.0.2.1\nlog\n}");
  assert.deepEqual(structuredClone(plan), plan);
});

test("compilePlan() gives blocks of one zone scopes of their own, with the names of their views", () => {
  const rows = new PlanNumbers();
  const view = ". {\n bind 192.0.2.10\n view x {\n expr do()\n }\n forward . 192.0.2.1\n}\n";
  const plan = compile(`${view}. {\n bind 192.0.2.10\n forward . 192.0.2.2\n}`, rows);
  assert.deepEqual(
    plan.listeners[0]?.zones.map(({ zone, view, scope }) => [
      zone,
      view,
      rows.scopes.labels[scope]?.view,
    ]),
    [
      [".", 0, "x"],
      [".", 1, ""],
    ],
  );
});
