import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../tests/support/until.ts";
import { NO_SERVICES, type Services } from "../config/services.ts";
import { Registry } from "../metrics/registry.ts";
import { HttpServices } from "./http_services.ts";
import { Readiness } from "./readiness.ts";

const ADDRESS = "127.0.0.1:0";

function start(context: TestContext) {
  const state = { heartbeatAgeMs: 10, isWhole: true, isIntercepting: true };
  const readiness = new Readiness({
    isWhole: () => state.isWhole,
    isIntercepting: () => state.isIntercepting,
  });
  const registry = new Registry();
  const http = new HttpServices({
    registry,
    heartbeatAgeMs: () => state.heartbeatAgeMs,
    readiness,
  });
  context.after(() => http.stop());
  const get = async (path: string, address = ADDRESS) => {
    const response = await fetch(`http://127.0.0.1:${http.portOf(address)}${path}`);
    return [response.status, await response.text()];
  };
  const apply = async (services: Partial<Services>) => {
    const wanted = { ...NO_SERVICES, ...services };
    await http.apply(wanted);
    for (const address of [wanted.prometheus, wanted.pprof].flat()) {
      await until(`it listens on ${address}`, () => http.portOf(address) !== null);
    }
    for (const { address } of [wanted.health, wanted.ready].flat()) {
      await until(`it listens on ${address}`, () => http.portOf(address) !== null);
    }
  };
  return { http, registry, readiness, state, get, apply };
}

const HEALTH = [{ address: ADDRESS, lameduckMs: 0 }];

test("HttpServices serves all that one address is named for, and nothing else", async (context) => {
  const { apply, get, registry } = start(context);
  registry.counter({ name: "a_total", help: "" }).add();
  await apply({ prometheus: [ADDRESS], health: HEALTH });
  assert.deepEqual(await get("/health"), [200, "OK"]);
  const [status, text] = await get("/metrics");
  assert.equal(status, 200);
  assert.match(String(text), /^a_total 1$/m);
  assert.deepEqual(await get("/ready"), [404, "Not found: there is /metrics, /health\n"]);
});

test("HttpServices.apply() keeps the server of an address that stays", async (context) => {
  const { http, apply, get } = start(context);
  const other = "localhost:0";
  await apply({ health: HEALTH, prometheus: [other] });
  const port = http.portOf(ADDRESS);
  const gone = http.portOf(other);
  await apply({ health: HEALTH, ready: [{ address: ADDRESS, monitor: "until-ready" }] });
  assert.equal(http.portOf(ADDRESS), port);
  assert.deepEqual(await get("/ready"), [200, "OK"]);
  assert.equal(http.portOf(other), null);
  await assert.rejects(fetch(`http://127.0.0.1:${gone}/metrics`));
  await http.apply(NO_SERVICES);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
});

test("HttpServices answers 503 at /health when a worker hangs", async (context) => {
  const { apply, get, state } = start(context);
  await apply({ health: HEALTH });
  state.heartbeatAgeMs = 6000;
  assert.deepEqual(await get("/health"), [503, "a worker hangs"]);
  state.heartbeatAgeMs = 100;
  assert.deepEqual(await get("/health"), [200, "OK"]);
});

test("HttpServices says at /ready what is missing, once or always, and not in lameduck", async (context) => {
  const { readiness, apply, get, state } = start(context);
  const always = "localhost:0";
  await apply({
    health: HEALTH,
    ready: [
      { address: ADDRESS, monitor: "until-ready" },
      { address: always, monitor: "continuously" },
    ],
  });
  Object.assign(state, { isWhole: false, isIntercepting: false });
  assert.deepEqual(await get("/ready"), [503, "workers,interception"]);
  Object.assign(state, { isWhole: true, isIntercepting: true });
  assert.deepEqual(await get("/ready"), [200, "OK"]);
  state.isIntercepting = false;
  assert.deepEqual(await get("/ready"), [200, "OK"]);
  assert.deepEqual(await get("/ready", always), [503, "interception"]);
  state.isIntercepting = true;
  readiness.leave();
  assert.deepEqual(await get("/ready"), [503, "stopping"]);
  assert.deepEqual(await get("/ready", always), [503, "stopping"]);
  assert.deepEqual(await get("/health"), [200, "OK"]);
});

test("HttpServices asks itself, and counts that", async (context) => {
  const { apply, registry } = start(context);
  await apply({ health: HEALTH });
  const asked = /^coredns_health_request_duration_seconds_count [1-9]/m;
  await until("it has asked itself", () => asked.test(registry.text()), 10_000);
  assert.match(registry.text(), /^coredns_health_request_failures_total 0$/m);
});

test("HttpServices serves profiles, one at a time", async (context) => {
  const { http, apply, get } = start(context);
  await apply({ pprof: [ADDRESS] });
  assert.match(String((await get("/debug/pprof/"))[1]), /cpuprofile/);
  assert.deepEqual(await get("/debug/pprof/profile?seconds=x"), [
    400,
    'Cannot read seconds: expected a number up to 300, got "x"\n',
  ]);
  const heap = JSON.parse(String((await get("/debug/pprof/heap"))[1]));
  assert.ok(heap.memory.rss > 0);
  if ("deno" in process.versions) {
    assert.equal((await get("/debug/pprof/profile"))[0], 501);
    assert.equal((await get("/debug/pprof/heap?snapshot=1"))[0], 501);
    return;
  }
  const first = get("/debug/pprof/profile?seconds=0.2");
  const second = get("/debug/pprof/profile?seconds=0.2");
  const [one, two] = await Promise.all([first, second]);
  assert.deepEqual([one[0], two[0]].sort(), [200, 409]);
  const profile = JSON.parse(String(one[0] === 200 ? one[1] : two[1]));
  assert.ok(profile.nodes.length > 0);
  assert.notEqual(http.portOf(ADDRESS), null);
});
