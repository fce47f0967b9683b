import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ask } from "../support/dns_client.ts";
import { type FixtureUpstream, startFixtureUpstream } from "../support/fixture_upstream.ts";
import { freePort, listenOnBoth } from "../support/free_port.ts";
import {
  EXECUTABLE,
  type NodensProcess,
  runNodens,
  startNodens,
  writeCorefile,
} from "../support/nodens_process.ts";
import { until } from "../support/until.ts";

interface Server {
  readonly port: number;
  readonly nodens: NodensProcess;
  readonly upstream: FixtureUpstream;
}

/** Runs `body` against a nodens that forwards to the fixture upstream, and stops both. */
async function withServer(
  body: (server: Server) => Promise<void>,
  command?: readonly string[],
): Promise<void> {
  const upstream = await startFixtureUpstream();
  const port = await freePort();
  const corefile = writeCorefile(forwardTo(port, upstream.port));
  let nodens: NodensProcess | null = null;
  try {
    nodens = await startNodens(["-conf", corefile.file], port, command);
    await body({ port, nodens, upstream });
  } finally {
    await nodens?.stop();
    await upstream.close();
    corefile.remove();
  }
}

function forwardTo(port: number, upstreamPort: number): string {
  return `.:${port} {
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:${upstreamPort}
}
`;
}

async function answersTwice({ port, upstream }: Server): Promise<void> {
  for (const [transport, name] of [
    ["udp", "example.org"],
    ["udp", "eXample.oRg"],
    ["tcp", "EXAMPLE.org"],
  ] as const) {
    const reply = await ask(port, name, "A", { transport });
    assert.equal(reply.rcode, "NOERROR");
    assert.equal(reply.questions?.[0]?.name, name);
    assert.equal(reply.flag_ra, true);
    assert.deepEqual(
      reply.answers?.map((record) => record.type === "A" && record.data),
      ["192.0.2.10"],
    );
  }
  const asked = upstream.queries.filter((query) => /^\w+ example\.org A$/i.test(query));
  assert.equal(asked.length, 1);
}

test("nodens answers by UDP and by TCP, the second time from its cache", async () => {
  await withServer(answersTwice);
});

for (const [runtime, command] of [
  ["Node", ["node_modules/.bin/node", "--disable-warning=ExperimentalWarning", "src/main.ts"]],
  ["Deno", ["node_modules/.bin/deno", "run", "-A", "src/main.ts"]],
] as const) {
  test(`nodens answers and stops the same way from source under ${runtime}`, async () => {
    await withServer(async (server) => {
      await answersTwice(server);
      assert.equal(await server.nodens.stop("SIGTERM"), 0);
      assert.equal(server.nodens.stderr(), "");
    }, command);
  });
}

test("nodens writes nothing on stderr while it starts, answers and stops on SIGTERM", async () => {
  await withServer(async ({ port, nodens }) => {
    await ask(port, "example.org", "A");
    await ask(port, "example.org", "A", { transport: "tcp" });
    assert.equal(await nodens.stop("SIGTERM"), 0);
    assert.doesNotMatch(nodens.stderr(), /warning|experimental|error/i);
  });
});

test("nodens stops cleanly on SIGINT", async () => {
  await withServer(async ({ nodens }) => {
    assert.equal(await nodens.stop("SIGINT"), 0);
  });
});

test("nodens frees its port when it stops", async () => {
  await withServer(async ({ port, nodens }) => {
    await nodens.stop();
    const { tcp, udp } = await listenOnBoth(port);
    tcp.close();
    udp.close();
  });
});

test("nodens ends with 2 and names file and line when the Corefile is wrong", async () => {
  const corefile = writeCorefile(".:53 {\n    cahce 30\n}\n");
  try {
    const { code, stdout, stderr } = await runNodens(["-conf", corefile.file]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /Corefile:2:5: .*cahce.*cache/s);
    assert.doesNotMatch(stderr, /\n\s+at /);
  } finally {
    corefile.remove();
  }
});

test("nodens ends with 2 and names the file when the Corefile is missing", async () => {
  const { code, stderr } = await runNodens(["-conf", "/nowhere/Corefile"]);
  assert.equal(code, 2);
  assert.match(stderr, /^\/nowhere\/Corefile: Cannot read the Corefile: no such file$/m);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test("nodens ends with one sentence when its port is taken", async () => {
  const upstream = await startFixtureUpstream();
  const corefile = writeCorefile(forwardTo(upstream.port, upstream.port + 1));
  try {
    const { code, stdout, stderr } = await runNodens(["-conf", corefile.file]);
    assert.equal(code, 1);
    const said = (stdout + stderr).trim();
    assert.match(said, new RegExp(`127\\.0\\.0\\.1.*${upstream.port}.*in use`, "i"));
    assert.equal(said.split("\n").length, 1);
  } finally {
    await upstream.close();
    corefile.remove();
  }
});

test("nodens answers SERVFAIL when its upstream is not there", async () => {
  const port = await freePort();
  const corefile = writeCorefile(forwardTo(port, await freePort()));
  const nodens = await startNodens(["-conf", corefile.file], port);
  try {
    const reply = await ask(port, "example.org", "A", { timeoutMs: 10_000 });
    assert.equal(reply.rcode, "SERVFAIL");
  } finally {
    await nodens.stop();
    corefile.remove();
  }
});

test("nodens version tells release and commit", async () => {
  const { code, stdout, stderr } = await runNodens(["version"]);
  const release = JSON.parse(readFileSync("package.json", "utf8")).version as string;
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(release.replaceAll(".", "\\.")));
  assert.match(stdout, /[0-9a-f]{12}|unknown/);
  assert.equal(stderr, "");
});

test("nodens needs only glibc and the compiler's libraries at run time", () => {
  const listed = execFileSync("ldd", [EXECUTABLE], { encoding: "utf8" });
  const names = [...listed.matchAll(/^\s*(\S+?)\.so/gm)].map(([, name = ""]) => name);
  const known = /^(linux-vdso|.*\/ld-linux-[\w-]+|lib(c|m|dl|pthread|rt|atomic|gcc_s|stdc\+\+))$/;
  assert.deepEqual(
    names.filter((name) => !known.test(name)),
    [],
  );
  assert.ok(names.includes("libc"));
});

test("nodens is idle in 75 MB, of which 40 MB are its own", async () => {
  await withServer(async ({ nodens }) => {
    const sizeMb = (name: string) => {
      const status = readFileSync(`/proc/${nodens.pid}/status`, "utf8");
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1000;
    };
    // Up to the end of the warm-up it holds all that it needed to start, some 90 MB.
    await until("it gives up what it needed to start", () => sizeMb("VmRSS") <= 75);
    assert.ok(sizeMb("RssAnon") <= 40, `RssAnon is ${sizeMb("RssAnon")} MB`);
  });
});
