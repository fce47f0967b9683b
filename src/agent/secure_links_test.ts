import assert from "node:assert/strict";
import { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Authority, type Certificate, WITHOUT_OPENSSL } from "../../tests/support/certificates.ts";
import { cleanUp } from "../../tests/support/clean_up.ts";
import { freePort } from "../../tests/support/free_port.ts";
import { question } from "../../tests/support/raw_client.ts";
import { framed, onMessages } from "../../tests/support/scripted_upstream.ts";
import { startTlsUpstream } from "../../tests/support/tls_upstream.ts";
import { until } from "../../tests/support/until.ts";
import type { TlsPlan } from "../handoff/plan.ts";
import { openKernel } from "../sys/open_kernel.ts";
import { runtimeName } from "../sys/runtime.ts";
import { Sockets } from "../sys/sockets.ts";
import { SecureLinks } from "./secure_links.ts";

const sockets = new Sockets(openKernel(4096));
const NAME = "dns.example.org";
const options = { skip: WITHOUT_OPENSSL };

/** Links, with what they say, and the workers' ends of them. */
class Fixture {
  readonly said: string[] = [];
  readonly links = new SecureLinks((level, text) => this.said.push(`${level}: ${text}`));
  readonly authority: Authority;
  readonly #context: TestContext;

  constructor(context: TestContext) {
    this.#context = context;
    this.authority = new Authority(context);
    cleanUp(context, () => this.links.stop());
  }

  /** The worker's end of a new link. */
  open(port: number, tls: Partial<TlsPlan> = {}): { socket: Socket; messages: Uint8Array[] } {
    const socket = new Socket({ fd: sockets.connectPair() });
    const messages: Uint8Array[] = [];
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.destroy());
    onMessages(socket, (bytes) => messages.push(bytes));
    cleanUp(this.#context, () => socket.destroy());
    this.links.connect(sockets.otherEnd, {
      address: "127.0.0.1",
      port,
      sourceAddress: null,
      tls: {
        serverName: NAME,
        certFile: null,
        keyFile: null,
        caFile: this.authority.caFile,
        ...tls,
      },
    });
    return { socket, messages };
  }

  /** Opens links that fail. @returns what was said about them. */
  async fail(port: number, tls: Partial<TlsPlan> = {}): Promise<string[]> {
    const { socket, messages } = this.open(port, tls);
    await until("the link is closed", () => socket.destroyed);
    assert.equal(messages.length, 0);
    return this.said.splice(0).map((text) => text.replace(`127.0.0.1:${port}`, "SERVER"));
  }

  issue(names = `DNS:${NAME}`): Certificate {
    return this.authority.issue({ names });
  }
}

test(
  "SecureLinks says when it is made, then carries messages both ways",
  options,
  async (context) => {
    const fixture = new Fixture(context);
    const server = await startTlsUpstream(context, fixture.issue());
    const { socket, messages } = fixture.open(server.port);
    await until("the link is made", () => messages.length === 1);
    assert.deepEqual(messages[0], new Uint8Array(0));
    for (let id = 1; id <= 200; id++) socket.write(framed(question(`n${id}.example.org.`, id)));
    await until("all are answered", () => messages.length === 201);
    assert.equal(server.accepted.length, 1);
    assert.equal(server.accepted[0]!.serverName, NAME);
    assert.equal(server.accepted[0]!.protocol, "TLSv1.3");
    server.hangUp();
    await until("the end is passed on", () => socket.destroyed);
    assert.deepEqual(fixture.said, []);
  },
);

test(
  "SecureLinks closes the connection when the worker closes its end",
  options,
  async (context) => {
    const fixture = new Fixture(context);
    const server = await startTlsUpstream(context, fixture.issue());
    const { socket, messages } = fixture.open(server.port);
    await until("the link is made", () => messages.length === 1);
    socket.destroy();
    await until("the server sees the end", () => server.accepted[0]!.socket.destroyed);
  },
);

test(
  "SecureLinks wants a certificate for the name, or for the address",
  options,
  async (context) => {
    const fixture = new Fixture(context);
    const server = await startTlsUpstream(
      context,
      fixture.issue("DNS:other.example.org,IP:127.0.0.1"),
    );
    const made = fixture.open(server.port, { serverName: null });
    await until("the address will do", () => made.messages.length === 1);
    assert.equal(server.accepted[0]!.serverName, null);
    const [said, ...more] = await fixture.fail(server.port);
    assert.match(
      said!,
      /^warning: TLS .* SERVER fails: .* not for "dns\.example\.org".*: write .* tls_servername$/,
    );
    assert.deepEqual(more, []);
    // Once, not per query.
    assert.deepEqual(await fixture.fail(server.port), []);
    server.present(fixture.issue());
    const again = fixture.open(server.port);
    await until("it works", () => again.messages.length === 1);
    assert.deepEqual(fixture.said, [
      `info: TLS with upstream 127.0.0.1:${server.port} works again`,
    ]);
  },
);

test("SecureLinks trusts the configured authority and no other", options, async (context) => {
  const fixture = new Fixture(context);
  const other = new Authority(context).issue({ names: `DNS:${NAME}` });
  const server = await startTlsUpstream(context, other);
  const also = runtimeName() === "deno" ? "; or it is not valid at this time" : "";
  const unknown = [
    "warning: TLS with upstream SERVER fails: its certificate is of an authority that is not trusted: name the authority's file by tls CA" +
      also,
  ];
  assert.deepEqual(await fixture.fail(server.port), unknown);
  server.present(fixture.issue());
  assert.deepEqual(await fixture.fail(server.port, { caFile: null }), unknown);
});

test("SecureLinks says once what is wrong with each of two forwards", options, async (context) => {
  const fixture = new Fixture(context);
  const server = await startTlsUpstream(context, fixture.issue("DNS:other.example.org"));
  const [first] = await fixture.fail(server.port);
  const [second] = await fixture.fail(server.port, { serverName: "two.example.org" });
  assert.notEqual(first, second);
  for (let count = 0; count < 2; count++) {
    assert.deepEqual(await fixture.fail(server.port), []);
    assert.deepEqual(await fixture.fail(server.port, { serverName: "two.example.org" }), []);
  }
});

test("SecureLinks refuses certificates before and after their time", options, async (context) => {
  const fixture = new Fixture(context);
  const names = `DNS:${NAME}`;
  const past = ["20200101000000Z", "20200201000000Z"] as const;
  const future = ["20980101000000Z", "20990101000000Z"] as const;
  const server = await startTlsUpstream(
    context,
    fixture.authority.issue({ names, validity: past }),
  );
  if (runtimeName() === "deno")
    return assert.match(String(await fixture.fail(server.port)), /not valid at this time$/);
  assert.deepEqual(await fixture.fail(server.port), [
    "warning: TLS with upstream SERVER fails: its certificate has expired",
  ]);
  server.present(fixture.authority.issue({ names, validity: future }));
  assert.deepEqual(await fixture.fail(server.port), [
    "warning: TLS with upstream SERVER fails: its certificate is not valid yet: is this machine's clock right?",
  ]);
});

test("SecureLinks says what stands in the way before any certificate", options, async (context) => {
  const fixture = new Fixture(context);
  assert.deepEqual(await fixture.fail(await freePort()), [
    "warning: TLS with upstream SERVER fails: connection refused",
  ]);
  const [missing] = await fixture.fail(1, { caFile: "/nonexistent/ca.pem" });
  assert.match(missing!, /^warning: TLS with upstream SERVER fails: .*nonexistent/);
});

test(
  "SecureLinks presents our certificate, and a renewed one without a restart",
  options,
  async (context) => {
    const fixture = new Fixture(context);
    const own = fixture.authority.issue({ names: "DNS:us.example.org", usage: "clientAuth" });
    const { readFileSync, copyFileSync } = await import("node:fs");
    const tls = { requestCert: true, ca: readFileSync(fixture.authority.caFile) };
    const server = await startTlsUpstream(context, fixture.issue(), { tls });
    const first = fixture.open(server.port, own);
    await until("the link is made", () => first.messages.length === 1);
    const renewed = fixture.authority.issue({ names: "DNS:us.example.org", usage: "clientAuth" });
    copyFileSync(renewed.certFile, own.certFile);
    copyFileSync(renewed.keyFile, own.keyFile);
    const second = fixture.open(server.port, own);
    await until("the link is made", () => second.messages.length === 1);
    const names = server.accepted.map(({ clientName }) => clientName);
    assert.deepEqual(names, ["Test 1", "Test 3"]);
  },
);

test("SecureLinks resumes sessions, also after a reset", options, async (context) => {
  const fixture = new Fixture(context);
  const server = await startTlsUpstream(context, fixture.issue());
  for (let count = 1; count <= 3; count++) {
    const { socket, messages } = fixture.open(server.port);
    await until("the link is made", () => messages.length === 1);
    // Tickets come with the first answer at the latest (RFC 8446 §4.6.1).
    socket.write(framed(question("a.example.org.", count)));
    await until("it is answered", () => messages.length === 2);
    if (count === 2) server.resetAll();
    else server.hangUp();
    await until("the end is passed on", () => socket.destroyed);
  }
  const resumed = server.accepted.map(({ isResumed }) => isResumed);
  // Deno's own TLS library resumes by itself, or not; its server does not say.
  if (runtimeName() !== "deno") assert.deepEqual(resumed, [false, true, true]);
});
