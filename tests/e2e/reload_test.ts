/** Another configuration while the executable serves: what changes, what stays, what is refused. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { freePort } from "../support/free_port.ts";
import { runNodens } from "../support/nodens_process.ts";
import {
  answerAll,
  type ScriptedUpstream,
  startScriptedUpstream,
} from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

/** A directory as the kubelet mounts a ConfigMap: files are links into what `..data` leads to. */
function mountConfigMap(context: TestContext, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "nodens-map-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  let revision = 0;
  const swap = (contents: Readonly<Record<string, string>>) => {
    revision += 1;
    mkdirSync(join(folder, `..rev${revision}`));
    for (const [name, text] of Object.entries(contents)) {
      writeFileSync(join(folder, `..rev${revision}`, name), text);
    }
    symlinkSync(`..rev${revision}`, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    if (revision > 1) rmSync(join(folder, `..rev${revision - 1}`), { recursive: true });
  };
  swap(files);
  for (const name of Object.keys(files)) symlinkSync(`..data/${name}`, join(folder, name));
  return { folder, swap };
}

function block(port: number, upstream: ScriptedUpstream, more = ""): string {
  return `.:${port} {
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:${upstream.port}
    ${more}
}
`;
}

const reloadCount = (server: Served) =>
  server.lines().filter((line) => line === "[INFO] Reloading complete").length;

async function untilReloaded(server: Served, count: number): Promise<void> {
  await until(`reload ${count} is complete`, () => reloadCount(server) >= count);
}

test("nodens follows a mounted ConfigMap, and keeps what it has cached", async (context) => {
  const first = await startScriptedUpstream(context);
  const second = await startScriptedUpstream(context);
  const port = await freePort();
  const map = mountConfigMap(context, { Corefile: block(port, first) });
  const server = await serve(context, "", {
    parameters: ["-conf", join(map.folder, "Corefile")],
  });
  await ask(port, "kept.example.org", "A");
  const other = await freePort();
  map.swap({ Corefile: `${block(port, second)}${block(other, second, "log")}` });
  await untilReloaded(server, 1);
  assert.equal((await ask(port, "kept.example.org", "A")).rcode, "NOERROR");
  assert.equal((await ask(port, "new.example.org", "A")).rcode, "NOERROR");
  // A listener that was not there before.
  assert.equal((await ask(other, "new.example.org", "A", { transport: "tcp" })).rcode, "NOERROR");
  assert.deepEqual([first.count("kept.example.org."), second.count("kept.example.org.")], [1, 0]);
  assert.equal(second.count("new.example.org."), 2);
  map.swap({ Corefile: block(port, second) });
  await untilReloaded(server, 2);
  await assert.rejects(ask(other, "new.example.org", "A", { transport: "tcp" }), /ECONNREFUSED/);
  assert.equal((await ask(port, "kept.example.org", "A")).rcode, "NOERROR");
});

test("nodens refuses a wrong configuration, says all of it, and goes on", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const port = await freePort();
  const map = mountConfigMap(context, { Corefile: block(port, upstream) });
  const file = join(map.folder, "Corefile");
  const server = await serve(context, "", { parameters: ["-conf", file] });
  map.swap({ Corefile: `${block(port, upstream, "cahce 30")}example.org {\n  bind nowhere0\n}\n` });
  const failed = () => server.lines().filter((line) => line.includes("reload failed")).length;
  await until("the reload has failed", () => failed() === 1);
  const lines = server.lines().join("\n");
  assert.match(lines, /\[ERROR\] .*Corefile:5:5: Unknown directive "cahce"/);
  assert.match(lines, /\[ERROR\] .*Corefile:8:8: .*nowhere0/);
  assert.match(lines, /plugin\/reload: Corefile changed but reload failed/);
  assert.equal((await ask(port, "www.example.org", "A")).rcode, "NOERROR");
  map.swap({ Corefile: block(port, upstream, "log") });
  await untilReloaded(server, 1);
  assert.equal((await ask(port, "www.example.org", "A")).rcode, "NOERROR");
  await until("the query is logged", () => server.stdout().includes("www.example.org."));
});

/** Reading iptables' rules is for root. */
const skip = process.getuid?.() !== 0;

test("nodens status shows the configuration in effect and the last refusal", {
  skip,
}, async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(context, block(0, upstream));
  const status = async (...more: string[]) => {
    const port = ["-dns.port", `${server.port}`];
    const { code, stdout } = await runNodens(["status", ...port, ...more]);
    assert.equal(code, 0);
    return stdout;
  };
  let first = "";
  await until("the configuration is told", async () => {
    first = await status();
    return first.includes("config ");
  });
  assert.match(first, /^config {3}number 1, in effect since \d{4}-\S+Z, SHA512 [0-9a-f]{12}$/m);
  writeFileSync(server.corefile, block(0, upstream, "cahce"));
  process.kill(server.pid, "SIGUSR1");
  await until("the reload has failed", () => server.stdout().includes("reload failed"));
  const refused = await status();
  assert.match(
    refused,
    /^refused {2}.*Corefile:5:5: Unknown directive "cahce".* \(refused once in all\)$/m,
  );
  // All else is as before.
  assert.ok(refused.startsWith(first));
  writeFileSync(server.corefile, block(0, upstream, "errors"));
  process.kill(server.pid, "SIGUSR1");
  await untilReloaded(server, 1);
  const { configs } = JSON.parse(await status("-json")) as { configs: Record<string, unknown>[] };
  assert.deepEqual(
    configs.map(({ generation, failed, problem }) => ({ generation, failed, problem })),
    [{ generation: 2, failed: 1, problem: "" }],
  );
  const hash = /Running configuration SHA512 = ([0-9a-f]{12})/.exec(server.stdout())?.[1];
  assert.equal(configs[0]!["sha512"], hash);
});

test("nodens looks for a change when SIGUSR1 and SIGHUP ask for it", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(context, block(0, upstream));
  for (const [index, signal] of (["SIGUSR1", "SIGHUP"] as const).entries()) {
    writeFileSync(server.corefile, block(0, upstream, index === 0 ? "errors" : "log"));
    process.kill(server.pid, signal);
    await untilReloaded(server, index + 1);
    assert.equal((await ask(server.port, "www.example.org", "A")).rcode, "NOERROR");
  }
  process.kill(server.pid, "SIGHUP");
  await until("it says that there is nothing new", () =>
    server.stdout().includes("there is nothing to reload"),
  );
});

test("nodens follows a plain file where `reload` asks for it", async (context) => {
  const upstream = await startScriptedUpstream(context);
  const server = await serve(context, block(0, upstream, "reload"));
  writeFileSync(server.corefile, block(0, upstream, "reload\n log"));
  await untilReloaded(server, 1);
});

test("nodens loses no query over many reloads", async (context) => {
  const held: (() => void)[] = [];
  const upstream = await startScriptedUpstream(context, (query) => {
    // Every tenth waits for a reload to have passed.
    if (query.name.startsWith("slow")) held.push(() => answerAll(query));
    else answerAll(query);
  });
  const server = await serve(context, block(0, upstream));
  const extra = await freePort();
  let asked = 0;
  let isOver = false;
  const asking = Array.from({ length: 8 }, async (_, client) => {
    while (!isOver) {
      asked += 1;
      const slow = asked % 10 === 0 ? "slow" : "n";
      const transport = client % 2 === 0 ? "udp" : "tcp";
      const reply = await ask(server.port, `${slow}${asked % 300}.example.org`, "A", { transport });
      assert.equal(reply.rcode, "NOERROR");
    }
  });
  const reloads = 60;
  for (let reload = 1; reload <= reloads; reload++) {
    const cache = `cache ${30 + reload}`;
    const more = reload % 3 === 0 ? block(extra, upstream) : "";
    const text = block(0, upstream, reload % 2 === 0 ? "any" : "errors").replace("cache", cache);
    writeFileSync(server.corefile, `${text}${more}`);
    process.kill(server.pid, "SIGUSR1");
    await untilReloaded(server, reload);
    for (const answer of held.splice(0)) answer();
  }
  isOver = true;
  const flush = setInterval(() => {
    for (const answer of held.splice(0)) answer();
  }, 10);
  await Promise.all(asking);
  clearInterval(flush);
  assert.ok(asked > reloads);
});
