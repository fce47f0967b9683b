import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { until } from "../../tests/support/until.ts";
import { type MetricsServerOptions, startMetricsServer } from "./metrics_server.ts";

/** Starts one and waits until it listens. @returns where it is. */
function start(
  context: TestContext,
  options: Partial<MetricsServerOptions> = {},
): Promise<{ url: string; port: number; close: () => Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = startMetricsServer({
    address: "127.0.0.1:0",
    text: () => "a 1\n",
    onProblem: (message) => assert.fail(message),
    onListening: resolve,
    ...options,
  });
  context.after(() => server.close());
  return promise.then((port) => ({ url: `http://127.0.0.1:${port}`, port, close: server.close }));
}

test("startMetricsServer() serves /metrics and nothing else", async (context) => {
  const { url } = await start(context);
  const response = await fetch(`${url}/metrics?collect=all`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(await response.text(), "a 1\n");
  const head = await fetch(`${url}/metrics`, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  for (const [path, method, status] of [
    ["/", "GET", 404],
    ["/metrics/", "GET", 404],
    ["/metrics", "POST", 405],
  ] as const) {
    const other = await fetch(`${url}${path}`, { method });
    assert.equal(other.status, status);
    await other.text();
  }
});

test("startMetricsServer() answers 500 and goes on when the text cannot be made", async (context) => {
  const problems: string[] = [];
  const { url } = await start(context, {
    text: () => {
      throw new Error("broken");
    },
    onProblem: (message) => problems.push(message),
  });
  for (let count = 0; count < 2; count += 1) {
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.status, 500);
    await response.text();
  }
  assert.equal(problems[0], "Cannot answer a request for metrics: broken");
});

test("startMetricsServer() tries again while the port is another's", async (context) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const problems: string[] = [];
  const started = start(context, {
    address: `127.0.0.1:${port}`,
    retryMs: 20,
    onProblem: (message) => problems.push(message),
  });
  // The server does not keep the process alive; waiting for it by hand does.
  await until("it says that the port is taken", () => problems.length > 0);
  other.close();
  let portFound = 0;
  started.then((server) => {
    portFound = server.port;
  });
  await until("it listens", () => portFound === port);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), "a 1\n");
  const why = "the port is in use by another process";
  assert.deepEqual(problems, [
    `Cannot serve metrics on 127.0.0.1:${port}: ${why}: trying again every 0.02 s`,
  ]);
});

test("startMetricsServer() shares its port with a second one of its kind", async (context) => {
  const first = await start(context);
  const second = await start(context, { address: `127.0.0.1:${first.port}` });
  assert.equal(second.port, first.port);
  await first.close();
  assert.equal(await (await fetch(`${second.url}/metrics`)).text(), "a 1\n");
});

test("startMetricsServer() closes with connections open, and while it cannot listen", async (context) => {
  const { url, close } = await start(context);
  await (await fetch(`${url}/metrics`)).text();
  await close();
  await assert.rejects(fetch(`${url}/metrics`));
  const waiting = startMetricsServer({
    address: "192.0.2.1:9353",
    text: () => "",
    onProblem: (message) => assert.match(message, /the address is not of this machine/),
  });
  await waiting.close();
  const off = startMetricsServer({ address: "0", text: () => "", onProblem: assert.fail });
  await off.close();
});
