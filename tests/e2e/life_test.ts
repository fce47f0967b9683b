import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { decodeMessage } from "../support/dns_message.ts";
import { freePort, listenOnBoth } from "../support/free_port.ts";
import { runNodens, writeCorefile } from "../support/nodens_process.ts";
import { openTcpClient, openUdpClient, question } from "../support/raw_client.ts";
import {
  answerAll,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { serve } from "../support/serve.ts";
import { SteadyLoad } from "../support/steady_load.ts";
import { until } from "../support/until.ts";

function forwarding(port: number, upstream: number): string {
  return `.:${port} {\nbind 127.0.0.1\ncache\nforward . 127.0.0.1:${upstream}\n}\n`;
}

/** The path of a file that is not there, in a folder that goes away. */
function newFile(context: TestContext, name: string): string {
  const folder = writeCorefile("");
  cleanUp(context, folder.remove);
  return join(dirname(folder.file), name);
}

test("nodens -pidfile holds its process id while it runs", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const file = newFile(context, "nodens.pid");
  const parameters = ["-pidfile", file];
  const server = await serve(context, forwarding(0, upstream.port), { parameters });
  assert.equal(readFileSync(file, "utf8"), `${server.pid}\n`);
  assert.equal(await server.stop(), 0);
  assert.equal(existsSync(file), false);
});

test("nodens -pidfile serves and stops where the file cannot be written", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const file = join(newFile(context, "nowhere"), "nodens.pid");
  const parameters = ["-pidfile", file];
  const server = await serve(context, forwarding(0, upstream.port), { parameters });
  const reason = /^\[ERROR\] Cannot write the file of the process id, -pidfile: ENOENT: .*nowhere/m;
  await until("it says why", () => reason.test(server.stdout()));
  assert.equal((await ask(server.port, "example.org", "A")).rcode, "NOERROR");
  assert.equal(await server.stop(), 0);
});

test("nodens -quiet answers and says nothing", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const port = await freePort();
  const { startNodens } = await import("../support/nodens_process.ts");
  const corefile = writeCorefile(forwarding(port, upstream.port));
  cleanUp(context, corefile.remove);
  const nodens = await startNodens(["-conf", corefile.file, "-quiet"], port);
  cleanUp(context, () => nodens.stop());
  assert.equal((await ask(port, "example.org", "A")).rcode, "NOERROR");
  assert.equal(nodens.stdout() + nodens.stderr(), "");
});

test("nodens answers on SIGTERM what is under way", async (context) => {
  const held: UpstreamQuery[] = [];
  const upstream = await startScriptedUpstream(context, (query) => held.push(query));
  const server = await serve(context, forwarding(0, upstream.port));
  const udp = await openUdpClient(context, server.port);
  const tcp = await openTcpClient(context, server.port);
  for (let id = 0; id < 20; id++) {
    (id % 2 === 0 ? udp : tcp).send(question(`n${id}.example.org.`, id));
  }
  await until("all are asked", () => held.length === 20);
  process.kill(server.pid, "SIGTERM");
  for (const query of held) answerAll(query);
  await server.ended;
  assert.equal(server.child.exitCode, 0);
  await until("all are answered", () => udp.received.length + tcp.received.length === 20);
  for (const bytes of [...udp.received, ...tcp.received]) {
    assert.equal(decodeMessage(bytes).rcode, 0);
  }
});

test("nodens stops under load, and with an upstream that is silent", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    if (query.name.startsWith("ready")) answerAll(query);
  });
  const server = await serve(context, forwarding(0, upstream.port));
  const client = await openUdpClient(context, server.port);
  await ask(server.port, "ready.example.org", "A");
  let isRunning = true;
  const load = (async () => {
    for (let id = 0; isRunning; id = (id + 1) & 0xffff) {
      client.send(question(id % 3 === 0 ? `n${id}.example.org.` : "ready.example.org.", id));
      if (id % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await until("answers come", () => client.received.length > 200);
  const begin = performance.now();
  assert.equal(await server.stop(), 0);
  assert.ok(performance.now() - begin < 4000);
  isRunning = false;
  await load;
});

test("nodens hands over to another one at its port: no query by UDP is lost", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const port = await freePort();
  const corefile = forwarding(port, upstream.port);
  let server = await serve(context, corefile);
  const nameOf = (index: number) => `n${index % 100}.example.org`;
  const load = await SteadyLoad.start({ port, perSecond: 5000, nameOf, tcpConnections: 0 });
  for (let end = 0; end < 5; end++) {
    const next = await serve(context, corefile);
    const before = load.tally.answered;
    await until("both are asked", () => load.tally.answered > before + 300);
    assert.equal(await server.stop(), 0);
    server = next;
  }
  const { lost, failed, answered } = await load.stop();
  assert.deepEqual({ lost, failed }, { lost: 0, failed: 0 });
  assert.ok(answered > 1500);
});

test("nodens starts again at once after kill -9, with clients connected", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const port = await freePort();
  const pidFile = newFile(context, "nodens.pid");
  const parameters = ["-pidfile", pidFile];
  for (let start = 0; start < 3; start++) {
    const server = await serve(context, forwarding(port, upstream.port), { parameters });
    const client = await openTcpClient(context, port);
    client.send(question("example.org.", 1));
    await until("it is answered", () => client.received.length === 1);
    assert.equal(readFileSync(pidFile, "utf8"), `${server.pid}\n`);
    await server.stop("SIGKILL");
    assert.equal(server.child.signalCode, "SIGKILL");
  }
});

test("nodens ends with one sentence when the port is taken by TCP or by UDP alone", async (context) => {
  for (const free of ["tcp", "udp"] as const) {
    const bound = await listenOnBoth(0);
    bound[free].close();
    cleanUp(context, () => bound[free === "tcp" ? "udp" : "tcp"].close());
    const corefile = writeCorefile(forwarding(bound.port, 1));
    cleanUp(context, corefile.remove);
    const { code, stderr } = await runNodens(["-conf", corefile.file]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^nodens: .*127\\.0\\.0\\.1:${bound.port}.*in use.*\\n$`));
  }
});
