import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../tests/support/until.ts";
import { HttpServer } from "./http_server.ts";

test("HttpServer says that the machine lacks an address only when it goes on lacking it", async (context) => {
  const problems: string[] = [];
  const server = new HttpServer({
    ...{ address: "192.0.2.1:0", what: "health", routes: {} },
    onProblem: (text) => problems.push(text),
  });
  context.after(() => server.close());
  // The first try has failed by now.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(problems, []);
  await until("it says so", () => problems.length > 0, 10_000);
  assert.match(problems[0]!, /^Cannot serve health on 192\.0\.2\.1:0: .*every 0\.5 s$/);
});
