import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Answer } from "dns-packet";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { parseRecord } from "../support/dns_message.ts";
import { freePort } from "../support/free_port.ts";
import {
  answerAll,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

const NXDOMAIN = 3;
const SERVFAIL = 2;
const TYPE_A = 1;

function serveWith(
  context: TestContext,
  upstream: { readonly port: number },
  lines: string,
  options = {},
): Promise<Served> {
  return serve(
    context,
    `.:0 {
      bind 127.0.0.1
      ${lines}
      forward . 127.0.0.1:${upstream.port}
    }`,
    options,
  );
}

/** Answers with the TTL that the name begins with: `ttl5.example.org`. */
function withTtl(query: UpstreamQuery): void {
  const ttl = /^ttl(\d+)/.exec(query.name)?.[1];
  const isDenied = query.name.startsWith("denied");
  const soa = `example.org. 300 SOA ns1.example.org. host.example.org. 1 7200 3600 1209600 2`;
  if (isDenied) query.reply({ rcode: NXDOMAIN, authority: [parseRecord(soa)] });
  else if (query.name.startsWith("fails")) query.reply({ rcode: SERVFAIL });
  else query.reply({ answer: [parseRecord(`${query.name} ${ttl ?? 300} A 192.0.2.1`)] });
}

/** TTL of the first record of the answer, or of the authority section. */
async function ttlOf(server: Served, name: string): Promise<number> {
  const { answers, authorities } = await ask(server.port, name, "A");
  const records = [...(answers ?? []), ...(authorities ?? [])] as (Answer & { ttl: number })[];
  return records[0]!.ttl;
}

async function askTimes(server: Served, name: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await ask(server.port, name, "A");
}

test("cache counts TTLs down and asks again when one has expired", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "cache");
  assert.equal(await ttlOf(server, "ttl100.example.org"), 100);
  await askTimes(server, "ttl1.example.org", 2);
  await until("its TTL counts down", async () => (await ttlOf(server, "ttl100.example.org")) < 100);
  assert.equal(upstream.count("ttl100.example.org."), 1);
  await until("the short one has expired", async () => {
    await askTimes(server, "ttl1.example.org", 1);
    return upstream.count("ttl1.example.org.") === 2;
  });
});

test("cache keeps denials as long as their SOA says", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "cache");
  assert.equal(await ttlOf(server, "denied.example.org"), 2);
  assert.equal((await ask(server.port, "denied.example.org", "A")).rcode, "NXDOMAIN");
  assert.equal(upstream.count("denied.example.org."), 1);
});

/** The TTL that only stale answers have. */
const STALE_TTL_SEC = 77;

test("cache gives stale answers with serve_stale, while the upstream fails", async (context) => {
  const isFailing = { now: false };
  const upstream = await startScriptedUpstream(context, (query) => {
    if (isFailing.now) query.reply({ rcode: SERVFAIL });
    else query.reply({ answer: [parseRecord(`${query.name} 1 A 192.0.2.1`)] });
  });
  for (const mode of ["immediate", "verify 500ms"]) {
    const name = `${mode.slice(0, 6)}.example.org`;
    const stale = `serve_stale 1h ${mode} ${STALE_TTL_SEC}s 1s`;
    const server = await serveWith(context, upstream, `cache {\n${stale}\n}`);
    isFailing.now = false;
    assert.equal(await ttlOf(server, name), 1);
    isFailing.now = true;
    const isStale = async () => (await ttlOf(server, name)) === STALE_TTL_SEC;
    await until(`${mode}: its answer is stale`, isStale);
    const asked = upstream.count(`${name}.`);
    await until(`${mode}: it was asked again`, async () => {
      assert.equal(await isStale(), true);
      return upstream.count(`${name}.`) > asked;
    });
    isFailing.now = false;
    await until(`${mode}: the upstream is believed again`, async () => !(await isStale()));
  }
});

test("cache refreshes popular answers with prefetch, before they expire", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "cache {\nprefetch 2 1m 90%\n}");
  const { rcode } = await ask(server.port, "ttl60.example.org", "A");
  assert.equal(rcode, "NOERROR");
  await until("it was refreshed", async () => {
    assert.ok((await ttlOf(server, "ttl60.example.org")) > 50);
    return upstream.count("ttl60.example.org.") === 2;
  });
});

test("cache keeps failures, and none with servfail 0", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const keeping = await serveWith(context, upstream, "cache");
  await askTimes(keeping, "fails1.example.org", 3);
  assert.equal(upstream.count("fails1.example.org."), 1);
  const forgetting = await serveWith(context, upstream, "cache {\nservfail 0\n}");
  await askTimes(forgetting, "fails2.example.org", 3);
  assert.equal(upstream.count("fails2.example.org."), 3);
});

test("cache caps TTLs, and raises them to MINTTL", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "cache {\nsuccess 2048 30 10\n}");
  for (const [name, ttl] of [
    ["ttl100.example.org", 30],
    ["ttl1.example.org", 10],
    ["ttl20.example.org", 20],
  ] as const) {
    assert.equal(await ttlOf(server, name), ttl);
    assert.ok((await ttlOf(server, name)) >= ttl - 2);
    assert.equal(upstream.count(`${name}.`), 1);
  }
});

test("cache keeps no more answers than success and denial allow", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const options = "cache {\nsuccess 1024\ndenial 1024\n}";
  const server = await serveWith(context, upstream, options);
  for (const label of ["n", "denied"]) {
    const names = Array.from({ length: 2000 }, (_, number) => `${label}${number}.example.org`);
    const askAll = async () => {
      for (let at = 0; at < names.length; at += 50) {
        await Promise.all(names.slice(at, at + 50).map((name) => ask(server.port, name, "A")));
      }
    };
    await askAll();
    const asked = upstream.heard.length;
    await askAll();
    // At best all that may be kept was a hit.
    const misses = upstream.heard.length - asked;
    assert.ok(misses >= names.length - 1024, `${misses} misses of ${label}`);
  }
});

test("cache leaves out what is disabled and what is in other zones", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const options = "cache inner.example.org {\ndisable denial\n}";
  const server = await serveWith(context, upstream, options);
  for (const [name, count] of [
    ["a.inner.example.org", 1],
    ["denied.inner.example.org", 3],
    ["a.example.org", 3],
  ] as const) {
    await askTimes(server, name, 3);
    assert.equal(upstream.count(`${name}.`), count, name);
  }
});

test("without cache every question is asked", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "errors");
  await askTimes(server, "example.org", 3);
  assert.equal(upstream.count("example.org."), 3);
});

test("log writes a line for each question in the format of CoreDNS", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const server = await serveWith(context, upstream, "cache\nlog");
  await ask(server.port, "Example.org", "A");
  await ask(server.port, "example.org", "A", { transport: "tcp", udpSizeBytes: 0 });
  await ask(server.port, "denied.example.org", "AAAA");
  const duration = String.raw`0(\.\d+)?s`;
  const expected = [
    String.raw`"A IN example\.org\. udp 40 false 1232" NOERROR qr,rd,ra \d+ ${duration}`,
    String.raw`"A IN example\.org\. tcp 29 false 65535" NOERROR qr,rd,ra 45 ${duration}`,
    String.raw`"AAAA IN denied\.example\.org\. udp 47 false 1232" NXDOMAIN qr,rd,ra \d+ ${duration}`,
  ];
  for (const rest of expected) {
    const line = new RegExp(String.raw`^\[INFO\] 127\.0\.0\.1:\d+ - \d+ ${rest}$`);
    await until(`the log has ${line}`, () => server.lines().some((one) => line.test(one)), 2000);
  }
});

test("log keeps to its names, classes and format", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const rules = `log inner.example.org "inner {name} {type} {rcode}"
    log . "bad {name} {rcode}" {
      class denial error
    }`;
  const server = await serveWith(context, upstream, `cache\n${rules}`);
  for (const name of ["inner.example.org", "denied.example.org", "fails.example.org", "last"]) {
    await ask(server.port, name, "A");
  }
  const expected = [
    "[INFO] inner inner.example.org. A NOERROR",
    "[INFO] bad denied.example.org. NXDOMAIN",
    "[INFO] bad fails.example.org. SERVFAIL",
  ];
  await until("the last line is there", () => server.lines().includes(expected[2]!));
  assert.deepEqual(
    server.lines().filter((line) => /inner|bad/.test(line)),
    expected,
  );
});

test("log has a line for what is refused at once, too", async (context) => {
  const corefile = `.:0 {
    bind 127.0.0.1
    log . "{name} {rcode}"
    forward private.example.org 127.0.0.1:${await freePort()}
  }`;
  const server = await serve(context, corefile);
  assert.equal((await ask(server.port, "example.org", "A")).rcode, "SERVFAIL");
  const line = "[INFO] example.org. SERVFAIL";
  await until("the log has it", () => server.lines().includes(line));
});

test("errors says why a question has failed, and is silent when it is not there", async (context) => {
  const closed: Pick<ScriptedUpstream, "port"> = { port: await freePort() };
  const where = `udp 127.0.0.1:${closed.port}`;
  const error = `read ${where}: read: connection refused`;
  const line = `[ERROR] plugin/errors: 2 example.org. A: ${error}`;
  const loud = await serveWith(context, closed, "errors");
  assert.equal((await ask(loud.port, "example.org", "A")).rcode, "SERVFAIL");
  await until("the log has it", () => loud.lines().includes(line));
  const quiet = await serveWith(context, closed, "");
  assert.equal((await ask(quiet.port, "example.org", "A")).rcode, "SERVFAIL");
  await quiet.stop();
  assert.equal(quiet.stdout().includes("plugin/errors"), false);
});

test("errors sums up what consolidate names, at the end of the period or of the server", async (context) => {
  const closed: Pick<ScriptedUpstream, "port"> = { port: await freePort() };
  const pattern = "connection refused$";
  const server = await serveWith(
    context,
    closed,
    `errors {
      consolidate 1s "a\\.example" info
      consolidate 1h "${pattern}" warning show_first
    }`,
  );
  const names = ["a.example.org", "b.example.org", "c.example.org"];
  for (const name of names) await ask(server.port, name, "A");
  const where = `udp 127.0.0.1:${closed.port}`;
  const first = `[WARNING] plugin/errors: 2 a.example.org. A: read ${where}: read: connection refused`;
  await until("the log has the first", () => server.lines().includes(first));
  await server.stop();
  assert.deepEqual(
    server.lines().filter((line) => line.includes("plugin/errors")),
    [first, `[WARNING] plugin/errors: 3 errors like '${pattern}' occurred in last 1h0m0s`],
  );
});

test("log knows the address that was asked and, with metadata, the upstream that replied", async (context) => {
  const upstream = await startScriptedUpstream(context, answerAll);
  const port = await freePort();
  await serve(
    context,
    `.:${port} {
      metadata
      cache
      log . "{local} {proto} {name} {/forward/upstream}"
      forward . 127.0.0.1:${upstream.port}
    }`,
  ).then(async (server) => {
    await ask(port, "a.example.org", "A", { address: "127.0.0.2" });
    await ask(port, "a.example.org", "A", { address: "127.0.0.3", transport: "tcp" });
    await ask(port, "b.example.org", "A", { address: "::1" });
    await ask(port, "c.example.org", "A", { address: "127.0.0.4", transport: "tcp" });
    const expected = [
      `[INFO] 127.0.0.2 udp a.example.org. 127.0.0.1:${upstream.port}`,
      "[INFO] 127.0.0.3 tcp a.example.org. -",
      `[INFO] [::1] udp b.example.org. 127.0.0.1:${upstream.port}`,
      `[INFO] 127.0.0.4 tcp c.example.org. 127.0.0.1:${upstream.port}`,
    ];
    for (const line of expected) {
      await until(`the log has ${line}`, () => server.lines().includes(line));
    }
  });
});

test("multisocket and timeouts are taken by the whole server", async (context) => {
  const upstream = await startScriptedUpstream(context, answerAll);
  const lines = "multisocket 2\ntimeouts {\nidle 1s\n}\nbufsize 1000\ncancel 2s\ndebug";
  const server = await serveWith(context, upstream, lines);
  assert.equal((await ask(server.port, "example.org", "A")).rcode, "NOERROR");
});

/** Brief text of the records in the answer section: `name type data`. */
async function answersOf(server: Served, name: string, type: "A" | "AAAA"): Promise<string[]> {
  const { answers = [] } = await ask(server.port, name, type);
  return answers.map((record) => {
    const { name: owner, type: kind, data } = record as Answer & { data: unknown };
    return `${owner} ${kind} ${String(data)}`;
  });
}

test("rewrite answers for the name that was asked, with what another one has", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const rules = `rewrite continue ttl suffix .example.org 77
    rewrite stop {
      name regex (.*)-eu\\.example\\.org {1}.eu.example.org
      answer auto
    }
    rewrite name red.example.org blue.example.org
    rewrite type TXT A`;
  const server = await serveWith(context, upstream, `cache\n${rules}`);
  for (const transport of ["udp", "tcp"] as const) {
    const { answers } = await ask(server.port, "Red.example.org", "A", { transport });
    assert.deepEqual(answers, [
      { name: "Red.example.org", type: "A", ttl: 77, class: "IN", flush: false, data: "192.0.2.1" },
    ]);
  }
  assert.equal(upstream.count("blue.example.org."), 1);
  assert.deepEqual(await answersOf(server, "www-eu.example.org", "A"), [
    "www-eu.example.org A 192.0.2.1",
  ]);
  assert.equal(upstream.count("www.eu.example.org."), 1);
  assert.equal((await ask(server.port, "text.example.org", "TXT")).answers?.[0]?.type, "A");
});

test("loadbalance gives every address its turn at being the first", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    const record = (last: number) => parseRecord(`${query.name} 60 A 192.0.2.${last}`);
    query.reply({ answer: [record(1), record(2), record(3)] });
  });
  const server = await serveWith(context, upstream, "cache\nloadbalance");
  const firsts = new Set<string>();
  await until("each was the first", async () => {
    const answers = await answersOf(server, "www.example.org", "A");
    assert.equal(new Set(answers).size, 3);
    firsts.add(answers[0]!);
    return firsts.size === 3;
  });
  assert.equal(upstream.count("www.example.org."), 1);
});

test("dns64 makes addresses of a name that has only A records", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    const answer =
      query.message.questions[0]?.type === TYPE_A
        ? [parseRecord(`${query.name} 60 A 192.0.2.33`)]
        : [];
    query.reply({ answer });
  });
  const server = await serveWith(context, upstream, "cache\ndns64 {\nallow_ipv4\n}");
  const made = ["www.example.org AAAA 64:ff9b::c000:221"];
  assert.deepEqual(await answersOf(server, "www.example.org", "AAAA"), made);
  assert.deepEqual(await answersOf(server, "www.example.org", "AAAA"), made);
});

test("autopath finds names outside of the search list's first domain", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    if (query.name.endsWith(".local.")) query.reply({ rcode: NXDOMAIN });
    else query.reply({ answer: [parseRecord(`${query.name} 60 A 192.0.2.1`)] });
  });
  const directory = mkdtempSync(join(tmpdir(), "nodens-autopath-"));
  cleanUp(context, () => rmSync(directory, { recursive: true }));
  const file = join(directory, "resolv.conf");
  writeFileSync(file, "search a.local b.local\n");
  const server = await serveWith(context, upstream, `cache\nautopath ${file}`);
  assert.deepEqual(await answersOf(server, "www.example.org.a.local", "A"), [
    "www.example.org.a.local CNAME www.example.org",
    "www.example.org A 192.0.2.1",
  ]);
});

test("view sends queries to the first server block whose condition they meet", async (context) => {
  const upstream = await startScriptedUpstream(context, withTtl);
  const port = await freePort();
  const block = (view: string, rule: string) => `.:${port} {
    bind 127.0.0.1
    ${view}
    ${rule}
    forward . 127.0.0.1:${upstream.port}
    cache
  }\n`;
  const byTcp = block(
    "view tcp {\nexpr proto() == 'tcp' && incidr(client_ip(), '127.0.0.0/8')\n}",
    "any",
  );
  const server = await serve(context, byTcp + block("", "rewrite type ANY A"));
  const typeOf = async (transport: "udp" | "tcp") =>
    (await ask(server.port, "www.example.org", "ANY", { transport })).answers?.[0]?.type;
  assert.equal(await typeOf("tcp"), "HINFO");
  assert.equal(await typeOf("udp"), "A");
});

test("bind takes an interface by name, and except takes addresses away", async (context) => {
  const upstream = await startScriptedUpstream(context, answerAll);
  const port = await freePort();
  const corefile = `.:${port} {
    bind lo {
      except ::1
    }
    forward . 127.0.0.1:${upstream.port}
  }`;
  await serve(context, corefile);
  assert.equal((await ask(port, "example.org", "A")).rcode, "NOERROR");
  await assert.rejects(ask(port, "example.org", "A", { address: "127.0.0.2" }), /ECONNREFUSED/);
});
