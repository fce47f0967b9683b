import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { type AskOptions, ask } from "../support/dns_client.ts";
import { decodeMessage, parseRecord } from "../support/dns_message.ts";
import { freePort } from "../support/free_port.ts";
import { openTcpClient, openUdpClient, question } from "../support/raw_client.ts";
import {
  answerAll,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

const HAS_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === "::1");
const skip = HAS_IPV6 ? false : "this machine has no IPv6 loopback";
const TYPE_TXT = 16;

async function assertAnswers(port: number, options: AskOptions = {}): Promise<void> {
  for (const transport of ["udp", "tcp"] as const) {
    const { rcode } = await ask(port, "example.org", "A", { transport, ...options });
    assert.equal(rcode, "NOERROR", `${options.address} by ${transport}`);
  }
}

async function assertSilent(port: number, address: string): Promise<void> {
  // A closed port of loopback says so at once.
  await assert.rejects(ask(port, "example.org", "A", { address }), /ECONNREFUSED/);
}

/** Who an answer to a question for `address` comes from; asked by a socket that takes any. */
async function answerer(context: TestContext, port: number, address: string): Promise<string> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  cleanUp(context, () => socket.close());
  socket.send(question("example.org.", 1), port, address);
  const [, from] = await once(socket, "message", { signal: AbortSignal.timeout(2000) });
  return from.address;
}

function forwarding(key: string, upstream: ScriptedUpstream, lines = ""): string {
  return `${key} {
    cache
    forward . 127.0.0.1:${upstream.port}
    ${lines}
  }\n`;
}

for (const bind of ["", "bind 0.0.0.0"]) {
  const what = bind === "" ? "without bind" : `with ${bind}`;
  test(`nodens ${what} answers from the address that was asked`, async (context) => {
    const upstream = await startScriptedUpstream(context);
    // Port 0 would be another one for each family.
    const port = await freePort();
    await serve(context, forwarding(`.:${port}`, upstream, bind));
    for (const address of ["127.0.0.1", "127.0.0.2", "127.9.8.7"]) {
      await assertAnswers(port, { address });
      assert.equal(await answerer(context, port, address), address);
    }
    if (!HAS_IPV6) return;
    await assertAnswers(port, { address: "::1" });
    assert.equal(await answerer(context, port, "::1"), "::1");
  });
}

test("nodens answers on ::1 alone", { skip }, async (context) => {
  const upstream = await startScriptedUpstream(context);
  const { port } = await serve(context, forwarding(".:0", upstream, "bind ::1"));
  await assertAnswers(port, { address: "::1" });
  await assertSilent(port, "127.0.0.1");
});

test("nodens asks an upstream that has an IPv6 address", { skip }, async (context) => {
  const upstream = await startScriptedUpstream(context);
  const inner = await serve(context, forwarding(".:0", upstream, "bind ::1"));
  const outer = await serve(
    context,
    `.:0 {
      bind 127.0.0.1
      forward . [::1]:${inner.port}
    }`,
  );
  await assertAnswers(outer.port);
});

test("nodens answers on several addresses and on no other", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const port = await freePort();
  const bind = "bind 127.0.0.1 127.0.0.3";
  const server = await serve(context, forwarding(`.:${port}`, upstream, bind));
  for (const address of ["127.0.0.1", "127.0.0.3"]) {
    await assertAnswers(port, { address });
    assert.ok(server.lines().includes(`[INFO] .:${port} on ${address}`));
  }
  await assertSilent(port, "127.0.0.2");
});

test("nodens takes the server block with the longest zone, of those at the port", async (context) => {
  const named = (text: string) => (query: UpstreamQuery) =>
    query.reply({ answer: [parseRecord(`${query.name} 60 TXT "${text}"`)] });
  const root = await startScriptedUpstream(context, named("root"));
  const cluster = await startScriptedUpstream(context, named("cluster"));
  const reverse = await startScriptedUpstream(context, named("reverse"));
  const other = await startScriptedUpstream(context, named("other"));
  const [port, otherPort] = [await freePort(), await freePort()];
  const bind = "bind 127.0.0.1";
  await serve(
    context,
    forwarding(`.:${port}`, root, bind) +
      forwarding(`cluster.example.org:${port} Internal.Example:${port}`, cluster, bind) +
      forwarding(`2.0.192.in-addr.arpa:${port}`, reverse, bind) +
      forwarding(`example.org:${otherPort}`, other, bind),
  );
  const expected = [
    [port, "example.org", "root"],
    [port, "cluster.example.org", "cluster"],
    [port, "a.b.CLUSTER.example.org", "cluster"],
    [port, "notcluster.example.org", "root"],
    [port, "svc.internal.example", "cluster"],
    [port, "1.2.0.192.in-addr.arpa", "reverse"],
    [port, "1.3.0.192.in-addr.arpa", "root"],
    [otherPort, "cluster.example.org", "other"],
  ] as const;
  // Twice: from the upstream, then from the cache of the block.
  for (const [at, name, text] of [...expected, ...expected]) {
    const { answers } = await ask(at, name, "TXT");
    const [record] = answers ?? [];
    assert.equal(record?.type === "TXT" && String(record.data), text, name);
  }
  const { rcode } = await ask(otherPort, "example.net", "A");
  assert.equal(rcode, "REFUSED");
});

test("nodens -dns.port is the port of blocks that name none", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const [port, named] = [await freePort(), await freePort()];
  const corefile =
    forwarding(".", upstream, "bind 127.0.0.1") +
    forwarding(`example.net:${named}`, upstream, "bind 127.0.0.1");
  await serve(context, corefile, { parameters: ["-dns.port", String(port)] });
  await assertAnswers(port);
  assert.equal((await ask(named, "a.example.net", "A")).rcode, "NOERROR");
});

for (const workers of ["2", "4", "auto"]) {
  test(`nodens -workers ${workers} answers from one cache by all of them`, async (context) => {
    const upstream = await startScriptedUpstream(context);
    const server = await serve(context, forwarding(".:0", upstream, "bind 127.0.0.1"), {
      parameters: ["-workers", workers],
    });
    const names = Array.from({ length: 20 }, (_, number) => `n${number}.example.org`);
    for (const name of names) {
      assert.equal((await ask(server.port, name, "A")).rcode, "NOERROR");
    }
    // Each question comes from another port, so the kernel gives them to all workers.
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        names.map(async (name) => {
          const transport = round % 2 === 0 ? "udp" : "tcp";
          const { rcode } = await ask(server.port, name, "A", { transport });
          assert.equal(rcode, "NOERROR");
        }),
      );
    }
    for (const name of names) assert.equal(upstream.count(`${name}.`), 1, name);
  });
}

test("nodens answers pipelined questions by TCP as answers come", async (context) => {
  const held: UpstreamQuery[] = [];
  const upstream = await startScriptedUpstream(context, (query) => {
    if (query.name.startsWith("slow")) held.push(query);
    else answerAll(query);
  });
  const server = await serve(context, forwarding(".:0", upstream, "bind 127.0.0.1"));
  const client = await openTcpClient(context, server.port);
  client.write(
    Uint8Array.from(
      ["slow", "fast1", "fast2"].flatMap((label, index) => {
        const bytes = question(`${label}.example.org.`, index + 1);
        return [0, bytes.length, ...bytes];
      }),
    ),
  );
  const ids = () => client.received.map((bytes) => decodeMessage(bytes).id);
  await until("the fast ones are answered", () => ids().length === 2);
  assert.deepEqual(ids().sort(), [2, 3]);
  for (const query of held) answerAll(query);
  await until("the slow one is answered", () => ids().length === 3);
  assert.equal(ids()[2], 1);
});

test("nodens answers 200 questions of one TCP connection", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(context, forwarding(".:0", upstream, "bind 127.0.0.1"));
  const client = await openTcpClient(context, server.port);
  for (let id = 0; id < 200; id++) client.send(question(`n${id % 150}.example.org.`, id));
  await until("all are answered", () => client.received.length === 200);
  const ids = new Set(client.received.map((bytes) => decodeMessage(bytes).id));
  assert.equal(ids.size, 200);
});

test("nodens gives every client its own spelling of the name", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const { port } = await serve(context, forwarding(".:0", upstream, "bind 127.0.0.1"));
  for (const name of ["exAmPle.ORG", "EXAMPLE.org", "example.org"]) {
    const { questions, answers } = await ask(port, name, "A");
    assert.equal(questions?.[0]?.name, name);
    assert.equal(answers?.length, 1);
  }
  assert.equal(upstream.heard.length, 1);
  assert.equal(upstream.heard[0]!.message.questions[0]!.name, "exAmPle.ORG.");
});

/** Asks for a TXT of `name` with an OPT of `sizeBytes`, 0 for none. */
async function sizes(context: TestContext, server: Served, name: string, sizeBytes: number) {
  const client = await openUdpClient(context, server.port);
  const questions = [{ name, type: TYPE_TXT, class: 1 }];
  const opt = sizeBytes === 0 ? null : { sizeBytes, version: 0, dnssecOk: false, options: [] };
  client.send(question(name, 9, { questions, opt }));
  await until("it is answered", () => client.received.length === 1);
  client.close();
  const bytes = client.received[0]!;
  const message = decodeMessage(bytes);
  const isTruncated = message.flags.includes("tc");
  return { lengthBytes: bytes.length, isTruncated, hasOpt: message.opt !== null };
}

test("nodens keeps to the size that the client can take by UDP", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    const count = Number(/^n(\d+)\./.exec(query.name)?.[1]);
    const record = parseRecord(`${query.name} 60 TXT "${"x".repeat(88)}"`);
    const answer = Array.from({ length: count }, () => record);
    if (query.transport === "udp" && count > 11) query.reply({ flags: ["qr", "tc"] });
    else query.reply({ answer });
  });
  const server = await serve(context, forwarding(".:0", upstream, "bind 127.0.0.1"));
  // About 100 bytes a record: 4 fit in 512, 11 in 1232.
  const cases = [
    { count: 4, sizeBytes: 0, whole: true },
    { count: 5, sizeBytes: 0, whole: false },
    { count: 5, sizeBytes: 1232, whole: true },
    { count: 5, sizeBytes: 100, whole: false },
    { count: 11, sizeBytes: 1232, whole: true },
    { count: 11, sizeBytes: 700, whole: false },
    { count: 20, sizeBytes: 4096, whole: false },
    { count: 20, sizeBytes: 0, whole: false },
  ];
  // From the upstream, then from the cache.
  for (const { count, sizeBytes, whole } of [...cases, ...cases]) {
    const got = await sizes(context, server, `n${count}.example.org.`, sizeBytes);
    const what = `${count} records in ${sizeBytes} bytes`;
    assert.equal(got.isTruncated, !whole, what);
    assert.equal(got.hasOpt, sizeBytes !== 0, what);
    assert.ok(got.lengthBytes <= Math.min(1232, Math.max(512, sizeBytes)), what);
    if (!whole) assert.ok(got.lengthBytes < 60, what);
  }
  const options = { transport: "tcp", udpSizeBytes: 0 } as const;
  const { answers } = await ask(server.port, "n20.example.org", "TXT", options);
  assert.equal(answers?.length, 20);
});

test("nodens answers what it does not know with the right error", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(context, forwarding("example.org:0", upstream, "bind 127.0.0.1"));
  const opt = { sizeBytes: 1232, version: 1, dnssecOk: false, options: [] };
  const name = "example.org.";
  const two = [1, 1].map((type) => ({ name, type, class: 1 }));
  const cases = [
    ["NOTIMP to another opcode", question(name, 1, { opcode: 4 }), 4],
    ["BADVERS to EDNS version 1", question(name, 2, { opt }), 16],
    ["FORMERR to two questions", question(name, 3, { questions: two }), 1],
    ["FORMERR to no question", question(name, 4, { questions: [] }), 1],
    ["REFUSED to a zone that nobody serves", question("example.net.", 5), 5],
    ["NOERROR to a question", question(name, 6), 0],
  ] as const;
  for (const open of [openUdpClient, openTcpClient]) {
    const client = await open(context, server.port);
    for (const [what, bytes, rcode] of cases) {
      client.received.length = 0;
      client.send(bytes);
      await until(what, () => client.received.length === 1, 2000);
      const answer = decodeMessage(client.received[0]!);
      assert.equal(answer.rcode, rcode, what);
      assert.equal(answer.id, decodeMessage(bytes).id);
    }
  }
});
