import assert from "node:assert/strict";
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import * as dnsPacket from "dns-packet";
import { cleanUp } from "../../tests/support/clean_up.ts";
import { canResolve, probeInstance, whichConfig } from "./probe.ts";

const TIMEOUT_MS = 300;
const OPTIONS = { address: "127.0.0.1", instance: "5eed", sourceCount: 1, timeoutMs: TIMEOUT_MS };
const TIMES_ASKED = 4;

/** A server that answers with what `reply` makes of a query; null is silence. */
async function serve(
  context: TestContext,
  reply: (query: dnsPacket.DecodedPacket, from: RemoteInfo) => dnsPacket.Packet | null,
): Promise<number> {
  const socket = createSocket("udp4");
  cleanUp(context, () => void socket.close());
  socket.on("message", (message, from) => {
    const query = dnsPacket.decode(message);
    const packet = reply(query, from);
    if (packet === null) return;
    const header = {
      id: query.id ?? 0,
      type: "response" as const,
      questions: query.questions ?? [],
    };
    socket.send(dnsPacket.encode({ ...header, ...packet }), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

const textOf = (text: string) => ({
  answers: [{ type: "TXT", class: "CH", name: "instance.nodens", ttl: 0, data: text } as never],
});

test("probeInstance() counts who answers, by source port", async (context) => {
  const answers = [
    textOf("instance=5eed worker=1 version=0.1.0"),
    textOf("instance=0ddba11 worker=1 version=0.1.0"),
    { flags: 5 },
    null,
  ];
  const sources = new Set<number>();
  const port = await serve(context, (query, from) => {
    sources.add(from.port);
    assert.deepEqual(query.questions, [{ name: "instance.nodens", type: "TXT", class: "CH" }]);
    return answers[sources.size - 1] ?? null;
  });
  const result = await probeInstance({ ...OPTIONS, port, sourceCount: TIMES_ASKED });
  assert.deepEqual(result, { ours: 1, siblings: 1, strangers: 1, silent: 1 });
  assert.equal(sources.size, TIMES_ASKED);
});

test("probeInstance() takes a refusal and an address that leads nowhere for silence", async (context) => {
  const port = await serve(context, () => null);
  const closed = createSocket("udp4");
  closed.bind(0, "127.0.0.1");
  await once(closed, "listening");
  const refused = closed.address().port;
  closed.close();
  await once(closed, "close");
  for (const options of [
    { ...OPTIONS, port },
    { ...OPTIONS, port: refused },
    { ...OPTIONS, address: "255.255.255.255", port },
  ]) {
    assert.equal((await probeInstance(options)).silent, 1, options.address);
  }
});

test("probeInstance() does not believe an answer to another question", async (context) => {
  const port = await serve(context, (query) => ({
    ...textOf("instance=5eed worker=1 version=0.1.0"),
    id: ((query.id ?? 0) + 1) & 0xffff,
  }));
  assert.equal((await probeInstance({ ...OPTIONS, port })).silent, 1);
});

test("whichConfig() reads what a nodens says of its configuration, and believes nobody else", async (context) => {
  const text = "generation=3 loaded=2026-11-25T08:00:00Z sha512=5eed failed=1 problem=";
  for (const [answer, problem] of [
    [textOf(`${text}é: generation=4`), "é: generation=4"],
    [textOf(text), ""],
    [textOf("something else"), undefined],
    [{ flags: 5 }, undefined],
    [null, undefined],
  ] as const) {
    const port = await serve(context, (query) => {
      assert.deepEqual(query.questions, [{ name: "config.nodens", type: "TXT", class: "CH" }]);
      return answer;
    });
    const config = await whichConfig("127.0.0.1", port, TIMEOUT_MS);
    assert.equal(config?.problem, problem);
    if (config !== null) assert.equal(config.generation, 3);
  }
});

test("canResolve() is true for whatever an upstream says, denials too", async (context) => {
  for (const [flags, expected] of [
    [0, true],
    [2, false],
    [3, true],
    [5, true],
  ] as const) {
    const port = await serve(context, (query) => {
      assert.deepEqual(query.questions, [{ name: "cluster.local", type: "SOA", class: "IN" }]);
      return { flags };
    });
    assert.equal(await canResolve(port, "cluster.local.", TIMEOUT_MS), expected, `${flags}`);
  }
  const silent = await serve(context, () => null);
  assert.equal(await canResolve(silent, "cluster.local.", TIMEOUT_MS), false);
});
