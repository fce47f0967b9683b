import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { type AskOptions, ask } from "../support/dns_client.ts";
import { answerAll, startScriptedUpstream } from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

/** A server with these lines before its forward, and the names that its upstream was asked. */
async function serveWith(context: TestContext, lines: string) {
  const upstream = await startScriptedUpstream(context, answerAll);
  const forward = `forward . 127.0.0.1:${upstream.port}`;
  const server = await serve(context, `.:0 {\nbind 127.0.0.1\ncache\n${lines}\n${forward}\n}`);
  return { server, upstream };
}

/** RCODE, flags that differ from `qr rd ra`, and what the records of both sections say. */
async function said(server: Served, question: string, options: AskOptions = {}): Promise<string> {
  const [name, type] = question.split(" ");
  const reply = await ask(server.port, name!, type as "A", options);
  const records = [...(reply.answers ?? []), ...(reply.authorities ?? [])];
  const texts = records.map((record) => {
    const data = "data" in record ? record.data : "";
    const text = record.type === "SOA" && "data" in record ? record.data.mname : data;
    return `${record.name} ${record.type} ${text}`;
  });
  return [reply.rcode, ...(reply.flag_aa ? ["aa"] : []), ...texts].join(" | ");
}

test("template, filter_aaaa and search_cut answer before the upstream is asked", async (context) => {
  const { server, upstream } = await serveWith(
    context,
    `template IN A example {
      match ^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]example[.]$
      answer "{{ .Name }} 60 IN A 192.0.{{ .Group.a }}.{{ .Group.b }}"
      fallthrough
    }
    template ANY ANY example {
      rcode NXDOMAIN
      authority "{{ .Zone }} 60 {{ .Class }} SOA ns.{{ .Zone }} host.{{ .Zone }} (1 60 60 60 60)"
    }
    search_cut cluster.local {
      names com
    }
    filter_aaaa example.org`,
  );
  const cases: [question: string, answer: string][] = [
    ["ip-2-1.example A", "NOERROR | aa | ip-2-1.example A 192.0.2.1"],
    ["ip-2-1.example A", "NOERROR | aa | ip-2-1.example A 192.0.2.1"],
    ["x.example A", "NXDOMAIN | aa | example SOA ns.example"],
    ["a.com.x.svc.cluster.local A", "NXDOMAIN | aa | cluster.local SOA ns.dns.cluster.local"],
    ["www.example.org AAAA", "NOERROR | aa | example.org SOA ns.dns.example.org"],
  ];
  for (const [question, answer] of cases) {
    assert.equal(await said(server, question), answer);
    assert.equal(await said(server, question, { transport: "tcp" }), answer);
  }
  assert.equal(upstream.heard.length, 0);
  assert.match(await said(server, "www.example.org A"), /^NOERROR/);
  assert.equal(upstream.count("www.example.org."), 1);
});

test("hosts takes another file over by itself, with ten thousand lines", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-hosts-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const file = join(folder, "hosts");
  const lines = Array.from(
    { length: 10_000 },
    (_, n) => `10.0.${n >> 8}.${n & 255} host-${n}.test`,
  );
  writeFileSync(file, lines.join("\n"));
  const { server, upstream } = await serveWith(
    context,
    `hosts ${file} {\n192.0.2.7 inline.test\nfallthrough\n}`,
  );
  assert.equal(
    await said(server, "host-9999.test A"),
    "NOERROR | aa | host-9999.test A 10.0.39.15",
  );
  assert.equal(await said(server, "host-9999.test MX"), "NOERROR | aa");
  assert.equal(await said(server, "inline.test A"), "NOERROR | aa | inline.test A 192.0.2.7");
  const reverse = "7.2.0.192.in-addr.arpa";
  assert.equal(await said(server, `${reverse} PTR`), `NOERROR | aa | ${reverse} PTR inline.test`);
  assert.equal(upstream.heard.length, 0);
  assert.match(await said(server, "other.test A"), /^NOERROR \| other/);
  writeFileSync(file, "192.0.2.8 host-9999.test");
  const changed = "NOERROR | aa | host-9999.test A 192.0.2.8";
  await until("the new line holds", async () => {
    return (await said(server, "host-9999.test A")) === changed;
  });
});

test("acl, local, nsid and header do what they say", async (context) => {
  const { server } = await serveWith(
    context,
    `acl {
      filter type MX
      block net 127.0.0.9
    }
    local
    nsid node-7
    header {
      set aa
    }`,
  );
  assert.match(await said(server, "www.example.org A"), /^NOERROR \| aa \| www/);
  assert.equal(await said(server, "www.example.org MX"), "NOERROR | aa");
  const other: AskOptions = { transport: "tcp", localAddress: "127.0.0.9" };
  assert.match(await said(server, "www.example.org A", other), /^REFUSED/);
  assert.equal(await said(server, "localhost A"), "NOERROR | aa | localhost A 127.0.0.1");
  const reply = await ask(server.port, "www.example.org", "A", {
    ednsOptions: [{ code: "NSID", data: Buffer.alloc(0) }],
  });
  assert.match(JSON.stringify(reply.additionals), /"code":3/);
});

test("chaos says the name of the machine", async (context) => {
  const { server } = await serveWith(context, "chaos v1");
  const answer = await ask(server.port, "id.server", "TXT", { class: "CH" });
  const [record] = answer.answers ?? [];
  assert.ok(record !== undefined && "data" in record);
  assert.equal(String(record.data), hostname());
});
