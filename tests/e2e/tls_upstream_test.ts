import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ATTEMPTS_MAX } from "../../src/limits.ts";
import { Authority, type Certificate, WITHOUT_OPENSSL } from "../support/certificates.ts";
import { ask } from "../support/dns_client.ts";
import { freePort } from "../support/free_port.ts";
import { openUdpClient, question } from "../support/raw_client.ts";
import {
  answerAll,
  startScriptedUpstream,
  type UpstreamQuery,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { startTlsUpstream } from "../support/tls_upstream.ts";
import { until } from "../support/until.ts";

const options = { skip: WITHOUT_OPENSSL };
const NAME = "dns.example.org";

interface Setting {
  readonly authority: Authority;
  readonly certificate: Certificate;
}

function prepare(context: TestContext, names = `DNS:${NAME}`): Setting {
  const authority = new Authority(context);
  return { authority, certificate: authority.issue({ names }) };
}

function serveTls(
  context: TestContext,
  { authority }: Setting,
  to: string,
  more: readonly string[] = [],
): Promise<Served> {
  return serve(
    context,
    `.:0 {
      bind 127.0.0.1
      errors
      forward . ${to} {
        policy sequential
        tls ${authority.caFile}
        ${more.join("\n        ")}
      }
    }`,
  );
}

async function rcodeOf(server: Served, name: string): Promise<string> {
  return (await ask(server.port, name, "A", { timeoutMs: 5000 })).rcode;
}

test(
  "nodens asks an upstream by TLS, by one connection, and resumes its session",
  options,
  async (context) => {
    const setting = prepare(context);
    const upstream = await startTlsUpstream(context, setting.certificate);
    const to = `tls://127.0.0.1%${NAME}:${upstream.port}`;
    const server = await serveTls(context, setting, to);
    assert.equal(await rcodeOf(server, "a.example.org"), "NOERROR");
    assert.equal(await rcodeOf(server, "b.example.org"), "NOERROR");
    assert.equal(upstream.accepted.length, 1);
    assert.equal(upstream.accepted[0]!.serverName, NAME);
    assert.match(upstream.accepted[0]!.protocol ?? "", /^TLSv1\.[23]$/);
    upstream.hangUp();
    // Closed by the server between queries: nobody is to blame and nobody waits.
    assert.equal(await rcodeOf(server, "c.example.org"), "NOERROR");
    assert.equal(upstream.accepted.length, 2);
    assert.equal(upstream.accepted[1]!.isResumed, true);
    assert.deepEqual(
      server.lines().filter((line) => /WARN|ERROR/.test(line)),
      [],
    );
  },
);

test("nodens pipelines queries by TLS and takes replies in any order", options, async (context) => {
  const COUNT = 200;
  const setting = prepare(context);
  const waiting: UpstreamQuery[] = [];
  const names = new Set<string>();
  const upstream = await startTlsUpstream(context, setting.certificate, {
    onQuery: (query) => {
      names.add(query.name);
      waiting.push(query);
      if (names.size === COUNT) for (const one of waiting.splice(0).reverse()) answerAll(one);
    },
  });
  const server = await serveTls(context, setting, `tls://127.0.0.1:${upstream.port}`, [
    `tls_servername ${NAME}`,
  ]);
  const client = await openUdpClient(context, server.port);
  for (let id = 1; id <= COUNT; id++) client.send(question(`n${id}.example.org.`, id));
  await until("all are answered", () => client.received.length === COUNT);
  // Two at a time; on a slow machine an attempt may have been given up with its connection.
  assert.ok(upstream.accepted.length <= 2 * ATTEMPTS_MAX, `${upstream.accepted.length}`);
});

for (const [what, make, reason] of [
  [
    "has a certificate for another name",
    (authority: Authority) => authority.issue({ names: "DNS:other.example.org" }),
    'its certificate is not for "dns.example.org" but for other.example.org: write the right one by tls_servername',
  ],
  [
    "has a certificate of an unknown authority",
    (_: Authority, context: TestContext) => new Authority(context).issue({ names: `DNS:${NAME}` }),
    "its certificate is of an authority that is not trusted: name the authority's file by tls CA",
  ],
  [
    "has a certificate that has expired",
    (authority: Authority) =>
      authority.issue({
        names: `DNS:${NAME}`,
        validity: ["20200101000000Z", "20200201000000Z"],
      }),
    "its certificate has expired",
  ],
] as const) {
  test(
    `nodens passes over an upstream that ${what}, and says so once`,
    options,
    async (context) => {
      const setting = prepare(context);
      const bad = await startTlsUpstream(context, make(setting.authority, context));
      const good = await startTlsUpstream(context, setting.certificate);
      const to = [bad, good].map(({ port }) => `tls://127.0.0.1%${NAME}:${port}`).join(" ");
      const server = await serveTls(context, setting, to, ["health_check 50ms"]);
      for (let number = 0; number < 20; number++) {
        assert.equal(await rcodeOf(server, `n${number}.example.org`), "NOERROR");
      }
      assert.equal(bad.heard.length, 0);
      const name = `127.0.0.1:${bad.port}`;
      const down = `[WARNING] plugin/forward: upstream ${name} is down: it does not answer`;
      await until("it is down", () => server.lines().includes(down));
      const said = `[WARNING] plugin/forward: TLS with upstream ${name} fails: ${reason}`;
      assert.deepEqual(
        server.lines().filter((line) => line.includes("TLS")),
        [said],
      );
      bad.present(setting.certificate);
      const works = `[INFO] plugin/forward: TLS with upstream ${name} works again`;
      await until("a probe finds that it works", () => server.lines().includes(works));
    },
  );
}

test("nodens never asks in clear text where TLS fails", options, async (context) => {
  const setting = prepare(context);
  const plain = await startScriptedUpstream(context);
  const closed = await freePort();
  const to = `tls://127.0.0.1:${plain.port} tls://127.0.0.1:${closed}`;
  const server = await serveTls(context, setting, to);
  assert.equal(await rcodeOf(server, "a.example.org"), "SERVFAIL");
  assert.equal(plain.heard.filter(({ transport }) => transport === "udp").length, 0);
  assert.equal(plain.count("a.example.org."), 0);
  await until("the log says why", () =>
    server.lines().some((line) => line.endsWith(`127.0.0.1:${closed} fails: connection refused`)),
  );
});
