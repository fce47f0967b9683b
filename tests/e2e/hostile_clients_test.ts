import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Prng } from "../../src/std/prng.ts";
import { memoryOf } from "../bench/process_stats.ts";
import { mutate } from "../fuzz/mutate.ts";
import { readCorpus } from "../fuzz/wire_fuzz.ts";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { startFixtureUpstream } from "../support/fixture_upstream.ts";
import { openTcpClient, openUdpClient, question } from "../support/raw_client.ts";
import { framed } from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

const UDP_MESSAGES = 3000;
/** Fewer than the server takes in one go, so that none is lost on the way. */
const UDP_BATCH = 60;
const TCP_CONNECTIONS = 400;
const TCP_BATCH = 50;
const PER_ADDRESS_MAX = 256;
/** A normal question is answered within this, whatever else is going on; mostly a millisecond. */
const AT_ONCE_MS = 1000;
const GROWTH_BYTES_MAX = 24 * 1024 * 1024;
const FLAG_QR_BYTE = 0x80;

/** nodens before the fixture's zone, with all its sockets to the upstream open. */
async function serveZone(context: TestContext): Promise<Served> {
  const upstream = await startFixtureUpstream();
  cleanUp(context, () => upstream.close());
  const server = await serve(
    context,
    `.:0 {
      bind 127.0.0.1
      cache
      forward . 127.0.0.1:${upstream.port}
    }`,
    { parameters: ["-memory", "4MiB"] },
  );
  const names = Array.from({ length: 64 }, (_, number) => `n${number}.wild.example.org`);
  await Promise.all(names.map((name) => ask(server.port, name, "A")));
  await ask(server.port, "large.example.org", "TXT", { transport: "tcp" });
  return server;
}

/** SEED=N repeats a run. */
function prngOf(context: TestContext): Prng {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  context.diagnostic(
    `again: SEED=${seed} node --test --test-name-pattern='${context.name}' ${import.meta.filename}`,
  );
  return new Prng(seed);
}

/** The corpus, then damaged messages of it. */
function hostileMessages(prng: Prng, count: number): Uint8Array[] {
  const corpus = readCorpus().map(({ message }) => message);
  const damaged = Array.from({ length: count - corpus.length }, () =>
    mutate(prng.pick(corpus), prng.pick(corpus), prng),
  );
  return [...corpus, ...damaged];
}

async function answersAtOnce({ port }: Served): Promise<void> {
  for (const transport of ["udp", "tcp"] as const) {
    // Another address: the limit of connections per address is not in the way.
    const options = { transport, localAddress: "127.0.0.9", timeoutMs: AT_ONCE_MS };
    const reply = await ask(port, "example.org", "A", options);
    assert.equal(reply.rcode, "NOERROR");
  }
}

/** Runs `body`; afterwards the server must be as it was. */
async function survives(server: Served, body: () => Promise<void>): Promise<void> {
  const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
  await answersAtOnce(server);
  let [last, unchanged] = [descriptors(), 0];
  await until("the connections of before are closed", () => {
    const now = descriptors();
    unchanged = now === last ? unchanged + 1 : 0;
    last = now;
    return unchanged === 5;
  });
  const before = { descriptors: descriptors(), rss: memoryOf(server.pid).rss };
  await body();
  await answersAtOnce(server);
  await until(
    `nodens has ${before.descriptors} descriptors again`,
    () => descriptors() <= before.descriptors,
  );
  const growth = memoryOf(server.pid).rss - before.rss;
  assert.ok(growth < GROWTH_BYTES_MAX, `grown by ${growth} bytes`);
  assert.equal(server.stderr(), "");
}

/** @param ids of what was asked; null when nobody can tell what was. */
function assertAnswers(answers: readonly Uint8Array[], ids: ReadonlySet<number> | null): void {
  for (const answer of answers) {
    assert.ok(answer.length >= 12);
    assert.ok((answer[2]! & FLAG_QR_BYTE) !== 0, "an answer is no reply");
    assert.ok(ids === null || ids.has((answer[0]! << 8) | answer[1]!), "an answer to nobody");
  }
}

function idsOf(messages: readonly Uint8Array[]): Set<number> {
  return new Set(messages.map((bytes) => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)));
}

test("nodens survives damaged messages by UDP", async (context) => {
  const messages = hostileMessages(prngOf(context), UDP_MESSAGES);
  const server = await serveZone(context);
  await survives(server, async () => {
    const client = await openUdpClient(context, server.port);
    for (let at = 0; at < messages.length; at += UDP_BATCH) {
      for (const bytes of messages.slice(at, at + UDP_BATCH)) client.send(bytes);
      await ask(server.port, "example.org", "A", { timeoutMs: AT_ONCE_MS });
    }
    await until("some are answered", () => client.received.length > 0);
    assert.ok(client.received.length <= messages.length);
    assertAnswers(client.received, idsOf(messages));
    for (const answer of client.received) assert.ok(answer.length <= 1232);
    client.close();
  });
});

test("nodens never answers an answer", async (context) => {
  const messages = hostileMessages(prngOf(context), UDP_MESSAGES / 3).map((bytes) => {
    if (bytes.length > 2) bytes[2]! |= FLAG_QR_BYTE;
    return bytes;
  });
  const server = await serveZone(context);
  await survives(server, async () => {
    const client = await openUdpClient(context, server.port);
    const connection = await openTcpClient(context, server.port);
    for (let at = 0; at < messages.length; at += UDP_BATCH) {
      for (const bytes of messages.slice(at, at + UDP_BATCH)) client.send(bytes);
      await ask(server.port, "example.org", "A", { timeoutMs: AT_ONCE_MS });
    }
    for (const bytes of messages) if (bytes.length >= 12) connection.send(bytes);
    // What was sent before has been handled when this is answered.
    for (const way of [client, connection]) {
      way.send(question("example.org.", 4711));
      await until("a question is answered", () => way.received.length > 0);
      assert.deepEqual([...idsOf(way.received)], [4711]);
      assert.equal(way.received.length, 1);
      way.close();
    }
  });
});

test("nodens survives damaged messages by TCP", async (context) => {
  const prng = prngOf(context);
  const messages = hostileMessages(prng, TCP_CONNECTIONS);
  const server = await serveZone(context);
  await survives(server, async () => {
    for (let at = 0; at < messages.length; at += TCP_BATCH) {
      const batch = messages.slice(at, at + TCP_BATCH);
      const clients = await Promise.all(batch.map(() => openTcpClient(context, server.port)));
      const expected: (Set<number> | null)[] = [];
      for (const [index, client] of clients.entries()) {
        const bytes = batch[index]!;
        let ids: Set<number> | null = idsOf(messages);
        switch (prng.below(4)) {
          case 0:
            client.send(bytes);
            break;
          case 1:
            ids = null;
            client.write(bytes);
            client.finish();
            break;
          case 2: // Several in one, and one byte short of the next.
            client.write(Uint8Array.of(...framed(bytes), ...framed(prng.pick(messages)), 0));
            break;
          default: // A byte at a time, then half closed.
            for (const byte of framed(bytes)) client.write(Uint8Array.of(byte));
            client.finish();
        }
        expected.push(ids);
      }
      await answersAtOnce(server);
      for (const [index, client] of clients.entries()) {
        assertAnswers(client.received, expected[index]!);
        client.close();
      }
    }
  });
});

test("nodens answers what was asked by TCP before the client closed its half", async (context) => {
  const server = await serveZone(context);
  await survives(server, async () => {
    const client = await openTcpClient(context, server.port);
    client.send(question("example.org.", 1));
    client.send(question("half.wild.example.org.", 2));
    client.finish();
    await until("both are answered", () => client.received.length === 2);
    await until("the connection is closed", () => client.isClosed());
  });
});

test("nodens reads a question that comes byte by byte", async (context) => {
  const server = await serveZone(context);
  const client = await openTcpClient(context, server.port);
  for (const byte of framed(question("example.org.", 3))) {
    client.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until("it is answered", () => client.received.length === 1);
});

test("nodens cuts off clients that leave a message incomplete", async (context) => {
  const server = await serveZone(context);
  await survives(server, async () => {
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => openTcpClient(context, server.port)),
    );
    for (const client of clients) client.write(framed(question("example.org.", 5)).slice(0, -1));
    await until("all are closed", () => clients.every((client) => client.isClosed()));
  });
});

test("nodens turns away connections above the limit of one address, not others", async (context) => {
  const server = await serveZone(context);
  await survives(server, async () => {
    const clients = await Promise.all(
      Array.from({ length: PER_ADDRESS_MAX + 50 }, () => openTcpClient(context, server.port)),
    );
    const isOpen = () => clients.filter((client) => !client.isClosed());
    await until("those above it are closed", () => isOpen().length <= PER_ADDRESS_MAX);
    await answersAtOnce(server);
    assert.equal(isOpen().length, PER_ADDRESS_MAX);
    const [client] = isOpen();
    client!.send(question("example.org.", 6));
    await until("one that is open is answered", () => client!.received.length === 1);
    for (const one of clients) one.close();
  });
});

test("nodens holds no memory for a client that asks and does not read", async (context) => {
  const server = await serveZone(context);
  await survives(server, async () => {
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => openTcpClient(context, server.port)),
    );
    const text = question("large.example.org.", 7, {
      questions: [{ name: "large.example.org.", type: 16, class: 1 }],
    });
    for (const client of clients) {
      client.pause();
      // Some 10 MB of answers each.
      for (let count = 0; count < 10_000; count++) client.send(text);
    }
    await answersAtOnce(server);
    for (const client of clients) client.close();
  });
});
