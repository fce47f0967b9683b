/** The sample of a ConfigMap that is shipped is used as it stands, so it must work as it says. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { freePort } from "../support/free_port.ts";
import { launchNodens } from "../support/nodens_process.ts";
import { answerAll, startScriptedUpstream } from "../support/scripted_upstream.ts";
import { serve } from "../support/serve.ts";

const SAMPLE = join(import.meta.dirname, "..", "..", "hack", "configmap.yaml.sample");
const INDENT = "    ";
const ENVIRONMENT = { ...process.env, KUBE_DNS_SERVICE_HOST: "10.96.0.53" };

/** The text behind `Corefile: |`. */
function readSample(): string {
  const [, body = ""] = readFileSync(SAMPLE, "utf8").split(/^ {2}Corefile: \|\n/m);
  const lines = body.split("\n").filter((line) => line !== "");
  assert.ok(lines.every((line) => line.startsWith(INDENT)));
  return `${lines.map((line) => line.slice(INDENT.length)).join("\n")}\n`;
}

/** The sample on this machine: one upstream for all, ports that are free. */
async function serveSample(context: TestContext, change: (text: string) => string) {
  const upstream = await startScriptedUpstream(context, answerAll);
  const port = await freePort();
  const text = change(readSample())
    .replaceAll(":53 {", `:${port} {`)
    .replaceAll("__PILLAR__DNS__DOMAIN__", "cluster.local")
    .replaceAll("__PILLAR__LOCAL__DNS__:8080", `127.0.0.1:${await freePort()}`)
    .replaceAll("__PILLAR__LOCAL__DNS__", "127.0.0.1")
    .replaceAll(/__PILLAR__(CLUSTER__DNS|UPSTREAM__SERVERS)__/g, `127.0.0.1:${upstream.port}`)
    .replaceAll("__PROMETHEUS__ENDPOINT__", `127.0.0.1:${await freePort()}`);
  await serve(context, text);
  return { port, upstream };
}

const NAMES = ["web.default.svc.cluster.local", "www.example.org"];

test("nodens check finds nothing wrong with the sample", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-sample-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const base = join(folder, "Corefile.base");
  writeFileSync(base, readSample());
  const flags = ["-basecorefile", base, "-conf", join(folder, "Corefile")];
  const nodens = launchNodens(
    ["check", ...flags, "-localip", "169.254.20.10,10.96.0.10"],
    undefined,
    ENVIRONMENT,
  );
  await nodens.ended;
  // What the cluster's domain is says /etc/resolv.conf, and this machine's may not.
  const problems = nodens.stdout().replace(/^1 warning:\n.*__PILLAR__DNS__DOMAIN__.*\n\n/m, "");
  assert.match(problems, /^\S+: good: 4 server blocks on 169\.254\.20\.10:53, 10\.96\.0\.10:53\n$/);
  assert.equal(nodens.child.exitCode, 0);
});

test("the sample says of AAAA that there are none, and never that there is no such name", async (context) => {
  const { port, upstream } = await serveSample(context, (text) => text);
  for (const name of NAMES) {
    const denied = await ask(port, name, "AAAA");
    assert.equal(denied.rcode, "NOERROR", name);
    assert.deepEqual(denied.answers, []);
    assert.deepEqual(
      denied.authorities?.map(({ type }) => type),
      ["SOA"],
    );
    assert.equal((await ask(port, name, "A")).answers?.length, 1, name);
    assert.equal(upstream.count(`${name}.`), 1, "AAAA is asked of nobody");
  }
});

test("the sample cuts what a search path has made, and nothing else", async (context) => {
  const { port, upstream } = await serveSample(context, (text) => text);
  const cut = "www.example.com.default.svc.cluster.local";
  assert.equal((await ask(port, cut, "A")).rcode, "NXDOMAIN");
  assert.equal(upstream.count(`${cut}.`), 0);
  assert.equal((await ask(port, "_http._tcp.web.default.svc.cluster.local", "A")).rcode, "NOERROR");
});

test("without its lines with filter_aaaa, the sample asks for AAAA", async (context) => {
  const { port, upstream } = await serveSample(context, (text) =>
    text.replaceAll("    filter_aaaa\n", ""),
  );
  for (const name of NAMES) {
    assert.equal((await ask(port, name, "AAAA")).rcode, "NOERROR");
    assert.equal(upstream.count(`${name}.`), 1);
  }
});
