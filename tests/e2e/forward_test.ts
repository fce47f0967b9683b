import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { decodeMessage } from "../support/dns_message.ts";
import { freePort } from "../support/free_port.ts";
import { writeCorefile } from "../support/nodens_process.ts";
import { openUdpClient, question } from "../support/raw_client.ts";
import {
  answerAll,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

const silent = () => {};

function serveForward(
  context: TestContext,
  upstreams: readonly { readonly port: number }[],
  options = "",
): Promise<Served> {
  const to = upstreams.map(({ port }) => `127.0.0.1:${port}`).join(" ");
  return serve(
    context,
    `.:0 {
      bind 127.0.0.1
      errors
      forward . ${to} {
        ${options}
      }
    }`,
  );
}

async function rcodeOf(server: Served, name: string): Promise<string> {
  return (await ask(server.port, name, "A", { timeoutMs: 5000 })).rcode;
}

async function askMany(server: Served, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    assert.equal(await rcodeOf(server, `n${number}.example.org`), "NOERROR");
  }
}

/** How many different names each upstream was asked for. */
function shares(upstreams: readonly ScriptedUpstream[]): number[] {
  return upstreams.map(({ heard }) => {
    const names = heard.map((query) => query.name).filter((name) => name !== ".");
    return new Set(names).size;
  });
}

test("nodens asks the second upstream when the first is silent", async (context) => {
  const first = await startScriptedUpstream(context, silent);
  const second = await startScriptedUpstream(context);
  const server = await serveForward(context, [first, second], "policy sequential");
  const begin = performance.now();
  assert.equal(await rcodeOf(server, "example.org"), "NOERROR");
  assert.ok(performance.now() - begin < 2000, "later than a client's first time-out");
  assert.equal(first.count("example.org."), 1);
  assert.equal(second.count("example.org."), 1);
});

test("nodens asks the second upstream at once when the first has a closed port", async (context) => {
  const second = await startScriptedUpstream(context);
  const closed = { port: await freePort() };
  for (const transport of ["", "force_tcp"]) {
    const server = await serveForward(context, [closed, second], `policy sequential\n${transport}`);
    await askMany(server, 5);
  }
});

test("nodens leaves an upstream that is down alone and comes back to it", async (context) => {
  let isDead = true;
  const first = await startScriptedUpstream(context, (query) => {
    if (!isDead) answerAll(query);
  });
  const second = await startScriptedUpstream(context);
  const options = "policy sequential\nmax_fails 1\nhealth_check 50ms";
  const server = await serveForward(context, [first, second], options);
  const name = `127.0.0.1:${first.port}`;
  await askMany(server, 2);
  const down = `[WARNING] plugin/forward: upstream ${name} is down: it does not answer`;
  await until("the log says that it is down", () => server.lines().includes(down));
  const asked = shares([first])[0];
  await askMany(server, 20);
  assert.equal(shares([first])[0], asked);
  await until("it is probed", () => first.count(".") > 0);
  isDead = false;
  const up = `[INFO] plugin/forward: upstream ${name} is up again`;
  await until("the log says that it is up", () => server.lines().includes(up));
  await askMany(server, 3);
  assert.equal(shares([first])[0], (asked ?? 0) + 1);
});

test("nodens forwards by policy", async (context) => {
  const upstreams = await Promise.all([1, 2, 3].map(() => startScriptedUpstream(context)));
  const counts: Record<string, number[]> = {};
  for (const policy of ["sequential", "round_robin", "random"]) {
    const before = upstreams.map(({ heard }) => heard.length);
    await askMany(await serveForward(context, upstreams, `policy ${policy}`), 60);
    counts[policy] = upstreams.map(({ heard }, index) => heard.length - before[index]!);
  }
  assert.deepEqual(counts["sequential"], [60, 0, 0]);
  assert.deepEqual(counts["round_robin"], [20, 20, 20]);
  // 60 fair draws give one of three no more than 2 less than once in 10^8 runs.
  for (const count of counts["random"]!) assert.ok(count > 2, String(counts["random"]));
});

test("nodens tries another upstream when one fails or its code is in failover", async (context) => {
  const first = await startScriptedUpstream(context, (query) =>
    query.reply({ rcode: query.name.startsWith("fails") ? 2 : 3 }),
  );
  const second = await startScriptedUpstream(context);
  const options = "policy sequential";
  const plain = await serveForward(context, [first, second], options);
  assert.equal(await rcodeOf(plain, "fails.example.org"), "NOERROR");
  assert.equal(await rcodeOf(plain, "denied.example.org"), "NXDOMAIN");
  const failover = await serveForward(context, [first, second], `${options}\nfailover NXDOMAIN`);
  assert.equal(await rcodeOf(failover, "denied.example.org"), "NOERROR");
});

test("nodens asks by TCP alone with force_tcp, by few connections", async (context) => {
  const held: UpstreamQuery[] = [];
  const upstream = await startScriptedUpstream(context, (query) => held.push(query));
  const server = await serveForward(context, [upstream], "force_tcp");
  const names = Array.from({ length: 100 }, (_, number) => `n${number}.example.org`);
  const answers = Promise.all(names.map((name) => rcodeOf(server, name)));
  await until("all are asked", () => held.length >= names.length);
  // Answered in another order than asked.
  for (const query of held.reverse()) answerAll(query);
  assert.ok((await answers).every((rcode) => rcode === "NOERROR"));
  assert.ok(upstream.heard.every((query) => query.transport === "tcp"));
  const connections = new Set(upstream.heard.map((query) => query.connection));
  assert.ok(connections.size <= 2, `${connections.size} connections`);
});

test("nodens asks by UDP for clients that came by TCP, without and with prefer_udp", async (context) => {
  const upstream = await startScriptedUpstream(context);
  for (const options of ["", "prefer_udp"]) {
    const { port } = await serveForward(context, [upstream], options);
    await ask(port, "example.org", "A", { transport: "tcp" });
  }
  assert.deepEqual(
    upstream.heard.map((query) => query.transport),
    ["udp", "udp"],
  );
});

test("nodens goes on when an upstream closes its idle connections", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serveForward(context, [upstream], "force_tcp");
  for (let round = 0; round < 5; round++) {
    assert.equal(await rcodeOf(server, `n${round}.example.org`), "NOERROR");
    for (const socket of upstream.connections) socket.destroy();
    await until("they are closed", () => upstream.connections.size === 0);
  }
});

test("nodens closes connections that were idle for expire", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serveForward(context, [upstream], "force_tcp\nexpire 1s");
  assert.equal(await rcodeOf(server, "example.org"), "NOERROR");
  assert.equal(upstream.connections.size, 1);
  await until("it is closed", () => upstream.connections.size === 0);
});

test("nodens forwards to the servers of a file such as /etc/resolv.conf", async (context) => {
  // The port of a server in such a file is 53: another nodens listens there, if it may.
  const upstream = await startScriptedUpstream(context);
  const folder = writeCorefile("");
  cleanUp(context, () => folder.remove());
  const file = join(dirname(folder.file), "resolv.conf");
  const address = `127.${50 + (process.pid % 200)}.53.53`;
  writeFileSync(file, `# comment\nsearch example.org\nnameserver ${address}\noptions ndots:5\n`);
  const inner = `.:53 {
    bind ${address}
    forward . 127.0.0.1:${upstream.port}
  }`;
  try {
    await serve(context, inner);
  } catch (error) {
    if (!/permission|not permitted|EACCES/i.test(String(error))) throw error;
    context.skip("port 53 is not ours to take");
    return;
  }
  const server = await serve(context, `.:0 {\nbind 127.0.0.1\nforward . ${file}\n}`);
  assert.equal(await rcodeOf(server, "example.org"), "NOERROR");
  assert.equal(upstream.count("example.org."), 1);
});

test("nodens refuses what is above max_concurrent", async (context) => {
  const held: UpstreamQuery[] = [];
  const upstream = await startScriptedUpstream(context, (query) => held.push(query));
  const server = await serveForward(context, [upstream], "max_concurrent 10");
  const client = await openUdpClient(context, server.port);
  for (let id = 1; id <= 15; id++) client.send(question(`n${id}.example.org.`, id));
  await until("five are refused", () => client.received.length === 5);
  for (const bytes of client.received) assert.equal(decodeMessage(bytes).rcode, 5);
  for (const query of held) answerAll(query);
  await until("ten are answered", () => client.received.length === 15);
  for (const bytes of client.received.slice(5)) assert.equal(decodeMessage(bytes).rcode, 0);
  client.send(question("later.example.org.", 16));
  await until("it is asked", () => upstream.count("later.example.org.") === 1);
});

test("nodens asks once when 50 clients ask the same", async (context) => {
  const held: UpstreamQuery[] = [];
  const upstream = await startScriptedUpstream(context, (query) => held.push(query));
  const server = await serveForward(context, [upstream]);
  const clients = await Promise.all(
    Array.from({ length: 50 }, () => openUdpClient(context, server.port)),
  );
  for (const [id, client] of clients.entries()) {
    const name = id % 2 === 0 ? "example.org." : "EXAMPLE.org.";
    client.send(question(name, id));
  }
  const tcp = ask(server.port, "example.org", "A", { transport: "tcp", udpSizeBytes: 0 });
  await until("it is asked", () => held.length === 1);
  // Behind the last of them: when this is asked, all wait.
  clients.at(-1)!.send(question("last.example.org.", 99));
  await until("the last is asked", () => held.length === 2);
  answerAll(held[0]!);
  await until("all are answered", () => clients.every(({ received }) => received.length === 1));
  for (const [id, { received }] of clients.entries()) {
    const answer = decodeMessage(received[0]!);
    assert.equal(answer.id, id);
    assert.equal(answer.questions[0]!.name, id % 2 === 0 ? "example.org." : "EXAMPLE.org.");
    assert.equal(answer.answer.length, 1);
  }
  assert.equal((await tcp).rcode, "NOERROR");
  assert.equal(upstream.count("example.org."), 1);
});

test("nodens takes the first forward that holds the name, and none for except", async (context) => {
  const [root, inner] = await Promise.all([1, 2].map(() => startScriptedUpstream(context)));
  const server = await serve(
    context,
    `.:0 {
      bind 127.0.0.1
      errors
      forward inner.example.org 127.0.0.1:${inner!.port}
      forward . 127.0.0.1:${root!.port} {
        except private.example.org
      }
    }`,
  );
  assert.equal(await rcodeOf(server, "a.inner.example.org"), "NOERROR");
  assert.equal(await rcodeOf(server, "a.example.org"), "NOERROR");
  assert.equal(await rcodeOf(server, "a.private.example.org"), "SERVFAIL");
  assert.deepEqual(shares([root!, inner!]), [1, 1]);
  const line =
    "[ERROR] plugin/errors: 2 a.private.example.org. A: no forward in this server block takes the name";
  await until("the log says why", () => server.lines().includes(line));
});

test("nodens passes DO and CD on and keeps such answers apart", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(
    context,
    `.:0 {
      bind 127.0.0.1
      cache
      forward . 127.0.0.1:${upstream.port}
    }`,
  );
  const client = await openUdpClient(context, server.port);
  const opt = (dnssecOk: boolean) => ({ sizeBytes: 1232, version: 0, dnssecOk, options: [] });
  const variants = [
    { opt: null },
    { opt: opt(true) },
    { flags: ["rd", "cd"], opt: null },
    { flags: ["rd", "cd"], opt: opt(true) },
  ];
  for (const parts of [...variants, ...variants]) {
    client.received.length = 0;
    client.send(question("example.org.", 1, parts));
    await until("it is answered", () => client.received.length === 1);
    assert.equal(
      decodeMessage(client.received[0]!).opt?.dnssecOk ?? null,
      parts.opt?.dnssecOk ?? null,
    );
  }
  const seen = upstream.heard.map(
    ({ message }) => `${message.opt?.dnssecOk} ${message.flags.includes("cd")}`,
  );
  assert.deepEqual(seen, ["false false", "true false", "false true", "true true"]);
});
