import assert from "node:assert/strict";
import { test } from "node:test";
import { requireConfig } from "./load.ts";
import { compileServices, hasServices, lameduckMs, NO_SERVICES } from "./services.ts";
import { memorySource } from "./source.ts";

function servicesOf(text: string) {
  const source = memorySource({ Corefile: text });
  return compileServices(requireConfig({ confFile: null, source }).config);
}

test("compileServices() takes every address once, whichever blocks name it", () => {
  const block = (zone: string, more: string) =>
    `${zone} {\nprometheus :9253\n${more}\nforward . 192.0.2.1\n}\n`;
  const health = "health 192.0.2.5:8080 {\nlameduck 2s\n}";
  const services = servicesOf(
    block("a", `${health}\npprof`) + block("b", "ready") + block(".", "health\npprof"),
  );
  assert.deepEqual(services, {
    prometheus: [":9253"],
    health: [
      { address: "192.0.2.5:8080", lameduckMs: 2000 },
      { address: ":8080", lameduckMs: 0 },
    ],
    ready: [{ address: ":8181", monitor: "until-ready" }],
    pprof: ["localhost:6053"],
  });
  assert.equal(lameduckMs(services), 2000);
  assert.equal(hasServices(services), true);
  assert.deepEqual(structuredClone(services), services);
});

test("compileServices() gives none to a plain configuration", () => {
  const services = servicesOf(". {\nforward . 192.0.2.1\n}");
  assert.deepEqual(services, NO_SERVICES);
  assert.equal(hasServices(services), false);
  assert.equal(lameduckMs(services), 0);
});
