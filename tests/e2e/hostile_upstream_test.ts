import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { suite, test } from "node:test";
import { memoryOf } from "../bench/process_stats.ts";
import { readCorpus } from "../fuzz/wire_fuzz.ts";
import { type AskOptions, ask } from "../support/dns_client.ts";
import { encodeMessage, parseRecord } from "../support/dns_message.ts";
import { openUdpClient, question } from "../support/raw_client.ts";
import {
  answerAll,
  framed,
  replyTo,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

/** Clients' resolvers give up after this (resolv.conf(5)). */
const CLIENT_PATIENCE_MS = 5000;
const DESCRIPTORS_MAX = 100;

interface Case {
  /** What the upstream does with the query. */
  readonly does: (query: UpstreamQuery) => void;
  /** What the client gets; several where the one or the other is right. */
  readonly gets: string;
}

const right = (query: UpstreamQuery) => [parseRecord(`${query.name} 300 A 192.0.2.1`)];
const bytesOf = (query: UpstreamQuery, parts = {}) =>
  encodeMessage(replyTo(query.message, { answer: right(query), ...parts }));
const otherName = (query: UpstreamQuery) => [
  { ...query.message.questions[0]!, name: "wrong.example.org." },
];

const BY_UDP: Readonly<Record<string, Case>> = {
  "sends an empty datagram": { does: (query) => query.write(new Uint8Array()), gets: "SERVFAIL" },
  "sends half a header": {
    does: (query) => query.write(bytesOf(query).slice(0, 7)),
    gets: "SERVFAIL",
  },
  "cuts the reply short": {
    does: (query) => query.write(bytesOf(query).slice(0, -5)),
    gets: "SERVFAIL",
  },
  "sends the query back": { does: (query) => query.reply({ flags: ["rd"] }), gets: "SERVFAIL" },
  "answers another question": {
    does: (query) => query.reply({ questions: otherName(query) }),
    gets: "SERVFAIL",
  },
  "answers another type": {
    does: (query) => query.reply({ questions: [{ ...query.message.questions[0]!, type: 16 }] }),
    gets: "SERVFAIL",
  },
  "answers another question first": {
    does: (query) => {
      query.reply({ questions: otherName(query) });
      query.reply({ answer: right(query) });
    },
    gets: "NOERROR",
  },
  "sends many wrong ids first": {
    does: (query) => {
      for (let id = 0; id < 200; id++) {
        if (id !== query.message.id) query.replyBytes(bytesOf(query, { id }));
      }
      query.reply({ answer: right(query) });
    },
    gets: "NOERROR",
  },
  "sends wrong ids only": {
    does: (query) => query.reply({ id: (query.message.id + 1) & 0xffff }),
    gets: "SERVFAIL",
  },
  "has a name that points at itself": {
    does: (query) => {
      const bytes = bytesOf(query);
      // The owner of the record behind the question becomes a pointer to where it stands.
      const owner = 12 + query.name.length + 1 + 4;
      bytes[owner] = 0xc0 | (owner >> 8);
      bytes[owner + 1] = owner & 0xff;
      query.write(bytes);
    },
    gets: "SERVFAIL",
  },
  "says that there are more records than there are": {
    does: (query) => {
      const bytes = bytesOf(query);
      bytes[7] = 200;
      query.write(bytes);
    },
    gets: "SERVFAIL",
  },
  "sends as much as fits in a datagram": {
    does: (query) => {
      const bytes = new Uint8Array(60_000);
      bytes.set(bytesOf(query));
      query.write(bytes);
    },
    gets: "NOERROR|SERVFAIL",
  },
  "truncates, and is silent by TCP": {
    does: (query) => query.transport === "udp" && query.reply({ flags: ["qr", "tc"] }),
    gets: "SERVFAIL",
  },
  "truncates by TCP too": {
    does: (query) => query.reply({ flags: ["qr", "tc"] }),
    gets: "NOERROR|SERVFAIL",
  },
  "truncates, and is right by TCP": {
    does: (query) =>
      query.transport === "udp"
        ? query.reply({ flags: ["qr", "tc"] })
        : query.reply({ answer: right(query) }),
    gets: "NOERROR",
  },
  "is silent": { does: () => {}, gets: "SERVFAIL" },
  "knows nothing": { does: (query) => query.reply({ rcode: 3 }), gets: "NXDOMAIN" },
  refuses: { does: (query) => query.reply({ rcode: 5 }), gets: "REFUSED" },
  "answers twice": {
    does: (query) => {
      query.reply({ answer: right(query) });
      query.reply({ rcode: 3 });
    },
    gets: "NOERROR",
  },
};

/** These have their upstream's connection for themselves. */
const BY_TCP: Readonly<Record<string, Case>> = {
  "closes without a word": { does: (query) => query.close(), gets: "SERVFAIL" },
  "closes in the middle of a reply": {
    does: (query) => {
      query.write(framed(bytesOf(query)).slice(0, 20));
      query.close();
    },
    gets: "SERVFAIL",
  },
  "sends an empty message": { does: (query) => query.write(Uint8Array.of(0, 0)), gets: "SERVFAIL" },
  "sends no DNS": {
    does: (query) => query.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")),
    gets: "SERVFAIL",
  },
  "answers another question by TCP": {
    does: (query) => query.reply({ questions: otherName(query) }),
    gets: "SERVFAIL",
  },
  "sends a reply in pieces": {
    does: (query) => {
      for (const byte of framed(bytesOf(query))) query.write(Uint8Array.of(byte));
    },
    gets: "NOERROR",
  },
  "answers and closes": {
    does: (query) => {
      query.reply({ answer: right(query) });
      setImmediate(() => query.close());
    },
    gets: "NOERROR",
  },
};

/** A name for each case; `byLabel` finds it again. */
function labelled(cases: Readonly<Record<string, Case>>): Map<string, Case & { what: string }> {
  return new Map(
    Object.entries(cases).map(([what, one], number) => [`case${number}`, { what, ...one }]),
  );
}

function hostile(cases: Map<string, Case>): (query: UpstreamQuery) => void {
  return (query) => {
    const one = cases.get(query.name.split(".")[0]!);
    if (one === undefined) answerAll(query);
    else one.does(query);
  };
}

function forwarding(upstream: ScriptedUpstream, options = ""): string {
  return `.:0 {
    bind 127.0.0.1
    cache
    errors
    forward . 127.0.0.1:${upstream.port} {
      max_fails 0
      ${options}
    }
  }`;
}

async function timed(port: number, name: string, options: AskOptions = {}) {
  const begin = performance.now();
  const { rcode } = await ask(port, name, "A", { timeoutMs: CLIENT_PATIENCE_MS, ...options });
  return { rcode, tookMs: performance.now() - begin };
}

/** Asks all at once, and normal questions meanwhile. */
async function checkCases(server: Served, cases: Map<string, Case & { what: string }>) {
  const asked = [...cases].map(async ([label, { what, gets }]) => {
    const { rcode, tookMs } = await timed(server.port, `${label}.example.org`);
    assert.match(rcode, new RegExp(`^(${gets})$`), `when the upstream ${what}: ${rcode}`);
    assert.ok(tookMs < CLIENT_PATIENCE_MS, `when the upstream ${what}: ${tookMs} ms`);
  });
  const all = Promise.all(asked);
  for (let number = 0; number < 20; number++) {
    const { rcode } = await timed(server.port, `normal${number}.example.org`, { timeoutMs: 2000 });
    assert.equal(rcode, "NOERROR");
  }
  await all;
}

// Most of them wait for the deadline of a question, so they may do it together.
suite("hostile upstreams", { concurrency: 8 }, () => {
  test("nodens answers in time whatever its upstream does by UDP", async (context) => {
    const cases = labelled(BY_UDP);
    const upstream = await startScriptedUpstream(context, hostile(cases));
    const server = await serve(context, forwarding(upstream));
    await checkCases(server, cases);
    assert.equal((await timed(server.port, "after.example.org")).rcode, "NOERROR");
  });

  for (const [label, one] of labelled(BY_TCP)) {
    test(`nodens answers in time when an upstream by TCP ${one.what}`, async (context) => {
      const cases = new Map([[label, one]]);
      const upstream = await startScriptedUpstream(context, hostile(cases));
      const server = await serve(context, forwarding(upstream, "force_tcp"));
      const { rcode } = await timed(server.port, `${label}.example.org`);
      assert.equal(rcode, one.gets);
      assert.equal((await timed(server.port, "after.example.org")).rcode, "NOERROR");
      assert.ok(upstream.heard.every((query) => query.transport === "tcp"));
      assert.ok(upstream.connections.size <= 2);
    });
  }

  test("nodens answers in time when its upstream truncates and closes by TCP", async (context) => {
    const upstream = await startScriptedUpstream(context, (query) => {
      if (query.transport === "tcp") query.close();
      else if (query.name.startsWith("after")) answerAll(query);
      else query.reply({ flags: ["qr", "tc"] });
    });
    const server = await serve(context, forwarding(upstream));
    assert.equal((await timed(server.port, "cut.example.org")).rcode, "SERVFAIL");
    assert.equal((await timed(server.port, "after.example.org")).rcode, "NOERROR");
  });

  test("nodens answers in time when the upstream sends every hostile reply", async (context) => {
    const replies = readCorpus().filter(({ file }) => file.startsWith("reply_"));
    // Ours in id and question, theirs in all that follows.
    const upstream = await startScriptedUpstream(context, (query) => {
      const reply = replies[Number(/^reply(\d+)\./.exec(query.name)?.[1])];
      if (reply === undefined) return answerAll(query);
      const head = encodeMessage(replyTo(query.message, { opt: null }));
      head.set(reply.message.subarray(2, 12), 2);
      query.write(Uint8Array.of(...head, ...reply.message.subarray(head.length)));
      query.write(Uint8Array.of(...head.subarray(0, 2), ...reply.message.subarray(2)));
    });
    const server = await serve(context, forwarding(upstream));
    const answers = await Promise.all(
      replies.map((_, number) => timed(server.port, `reply${number}.example.org`)),
    );
    for (const { tookMs } of answers) assert.ok(tookMs < CLIENT_PATIENCE_MS);
    assert.equal((await timed(server.port, "after.example.org")).rcode, "NOERROR");
  });

  test("nodens gives a huge answer whole by TCP and truncated by UDP", async (context) => {
    const text = `"${"x".repeat(250)}"`;
    const upstream = await startScriptedUpstream(context, (query) => {
      const record = parseRecord(`${query.name} 300 TXT ${text}`);
      const answer = Array.from({ length: 240 }, () => record);
      if (query.transport === "tcp") query.reply({ answer });
      else query.reply({ flags: ["qr", "tc"] });
    });
    const server = await serve(context, forwarding(upstream));
    const udp = await ask(server.port, "huge.example.org", "TXT");
    assert.equal(udp.flag_tc, true);
    assert.equal(udp.answers?.length, 0);
    const tcp = await ask(server.port, "huge.example.org", "TXT", { transport: "tcp" });
    assert.equal(tcp.answers?.length, 240);
  });
});

test("nodens sheds a flood of names while its upstream is dead, then recovers", async (context) => {
  const NAMES = 20_000;
  const BATCH = 200;
  let isDead = false;
  const upstream = await startScriptedUpstream(context, (query) => {
    if (!isDead) answerAll(query);
  });
  const corefile = `.:0 {
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:${upstream.port} {
      health_check 100ms
    }
  }`;
  const server = await serve(context, corefile, { parameters: ["-memory", "8MiB"] });
  assert.equal((await timed(server.port, "cached.example.org")).rcode, "NOERROR");
  isDead = true;
  const rssBefore = memoryOf(server.pid).rss;
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => openUdpClient(context, server.port)),
  );
  const answered = () => clients.reduce((sum, client) => sum + client.received.length, 0);
  const begin = performance.now();
  for (let name = 0; name < NAMES; name++) {
    clients[name % clients.length]!.send(question(`flood${name}.example.org.`, name & 0xffff));
    if (name % BATCH !== 0) continue;
    // All before it has been taken when this is answered.
    assert.equal((await timed(server.port, "cached.example.org")).rcode, "NOERROR");
  }
  const floodMs = performance.now() - begin;
  await until("the upstream is said to be down", () =>
    server.stdout().includes(`upstream 127.0.0.1:${upstream.port} is down`),
  );
  await until("nearly all are answered", () => answered() > NAMES * 0.95, CLIENT_PATIENCE_MS);
  for (const client of clients) {
    for (const bytes of client.received) assert.equal(bytes[3]! & 0xf, 2, "not SERVFAIL");
    client.close();
  }
  const names = new Set(upstream.heard.map((query) => query.name));
  // Nothing can have been given up before, so the table was full.
  if (floodMs < 4000) assert.ok(names.size <= 8192 + 1 + 1, `${names.size} names were asked for`);
  const growth = memoryOf(server.pid).rss - rssBefore;
  assert.ok(growth < 40 * 1024 * 1024, `grown by ${growth} bytes`);
  isDead = false;
  await until("it is up again", () =>
    server.stdout().includes(`upstream 127.0.0.1:${upstream.port} is up again`),
  );
  assert.equal((await timed(server.port, "after.example.org")).rcode, "NOERROR");
});

test("nodens does not open ever more sockets while strangers write to them", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    for (let id = 0; id < 20; id++) query.replyBytes(bytesOf(query, { id }));
    query.reply({ answer: right(query) });
  });
  const server = await serve(context, forwarding(upstream));
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: 20 }, (_, number) => `n${round}-${number}.example.org`);
    const answers = await Promise.all(names.map((name) => timed(server.port, name)));
    for (const { rcode } of answers) assert.equal(rcode, "NOERROR");
  }
  assert.ok(readdirSync(`/proc/${server.pid}/fd`).length < DESCRIPTORS_MAX);
});
