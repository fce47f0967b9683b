/** Flags of node-cache mean here what they mean there; mistakes are answered with the way out. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { ADDRESSES, startUsual } from "./support/busy_node.ts";
import { corefileFor, createLab, type Lab, type LabNodens } from "./support/lab.ts";
import { CLUSTER_IP, NODE_LOCAL, UPSTREAM_IP } from "./support/places.ts";

const NAME = "hit-1.example.org";

async function ourRules(lab: Lab): Promise<string[]> {
  return (await lab.rules(4)).filter((rule) => rule.includes('"nodens: '));
}

/** Waits for the end of a start that has to fail. */
async function complaintOf(nodens: LabNodens): Promise<string> {
  await nodens.ended;
  assert.notEqual(nodens.child.exitCode, 0);
  return nodens.stderr();
}

test("-pidfile is written when the addresses are taken, and goes at the end", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const file = join(folder, "pid");
  const lab = await createLab(context);
  await lab.stopKubeDns();
  const nodens = startUsual(lab, { flags: ["-pidfile", file] });
  await until(
    "it waits for an upstream",
    () => /no upstream answers/.test(nodens.stdout()),
    15_000,
  );
  assert.equal(existsSync(file), false);
  assert.equal(await lab.hasAddress(CLUSTER_IP[4]), false);
  await lab.startKubeDns({ missDelayMs: 30, ttlSec: 30 });
  await until("the file is there", () => existsSync(file), 15_000);
  assert.equal(readFileSync(file, "utf8"), `${nodens.pid}\n`);
  await lab.untilIntercepting(nodens, ADDRESSES);
  await nodens.stop();
  assert.equal(existsSync(file), false);
});

test("-readyfile is there while addresses are ours, whatever was there before", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  const file = join(folder, "ready");
  writeFileSync(file, "left by one that was killed");
  const lab = await createLab(context);
  await lab.stopKubeDns();
  const nodens = startUsual(lab, { flags: ["-readyfile", file] });
  const isWaiting = () => /no upstream answers/.test(nodens.stdout());
  await until("it waits for an upstream", isWaiting, 15_000);
  assert.equal(existsSync(file), false);
  await lab.startKubeDns({ missDelayMs: 30, ttlSec: 30 });
  await until("the file is there", () => existsSync(file), 15_000);
  // The probe of deploy/kubernetes: an empty file is a batch of no commands.
  await lab.run("node", "ip", ["-batch", file]);
  assert.equal(await lab.hasAddress(CLUSTER_IP[4]), true);
  nodens.child.kill("SIGTERM");
  await until("the file is gone", () => !existsSync(file));
  assert.notEqual((await lab.attempt("node", "ip", ["-batch", file])).code, 0);
  await nodens.ended;
  assert.equal(nodens.child.exitCode, 0);
});

test("-interfacename and -health-port are used, -skipteardown leaves the rules", async (context) => {
  const lab = await createLab(context);
  const flags = ["-interfacename", "dns0", "-health-port", "8099", "-skipteardown"];
  const nodens = startUsual(lab, { flags });
  await lab.untilIntercepting(nodens, ADDRESSES);
  assert.ok((await lab.links()).some((link) => link.includes("dns0")));
  assert.equal((await ourRules(lab)).filter((rule) => rule.includes("port 8099")).length, 4);
  const before = await ourRules(lab);
  assert.equal(await nodens.stop(), 0);
  assert.equal((await ourRules(lab)).length, before.length);
  assert.equal(await lab.hasAddress(CLUSTER_IP[4]), false);
  const cleaned = await lab.run("node", process.env.NODENS ?? "dist/nodens", ["cleanup"]);
  assert.match(cleaned, /^removed rule iptables-nft /m);
  assert.deepEqual(await ourRules(lab), []);
});

test("-setupiptables=false makes no rule, -setupinterface=false makes no link", async (context) => {
  const lab = await createLab(context);
  const addresses = [NODE_LOCAL[4]];
  const bare = startUsual(lab, { addresses, flags: ["-setupiptables=false"] });
  await lab.untilIntercepting(bare, addresses);
  assert.deepEqual(await ourRules(lab), []);
  await bare.stop();

  const ruled = startUsual(lab, { addresses, flags: ["-setupinterface=false"] });
  await until("it is ready", () => ruled.stdout().includes("intercepting "));
  assert.equal(await lab.hasAddress(NODE_LOCAL[4]), false);
  await lab.run("node", "ip", ["addr", "add", `${NODE_LOCAL[4]}/32`, "dev", "lo"]);
  await lab.untilIntercepting(ruled, addresses);
  assert.ok((await ourRules(lab)).length > 0);
  assert.equal(await ruled.stop(), 0);
  assert.equal(await lab.hasAddress(NODE_LOCAL[4]), true, "it is somebody else's");
  assert.deepEqual(await ourRules(lab), []);
});

test("-syncinterval takes durations, which node-cache did not", async (context) => {
  const lab = await createLab(context);
  const nodens = startUsual(lab, { flags: ["-syncinterval", "1s"] });
  await lab.untilIntercepting(nodens, ADDRESSES);
  assert.equal((await lab.ask("pod", { address: CLUSTER_IP[4], name: NAME })).by, "nodens");
  assert.equal(await nodens.stop(), 0);
});

test("-keepfallback leaves a way for link-local addresses; without it there is none", async (context) => {
  const lab = await createLab(context);
  for (const [flags, by] of [
    [[], "?"],
    [["-keepfallback"], "kube-dns"],
  ] as const) {
    const nodens = startUsual(lab, { flags });
    await lab.untilIntercepting(nodens, ADDRESSES);
    await until("all is known", () => nodens.stdout().includes("up to date"));
    assert.equal(await nodens.stop(), 0);
    const question = { address: NODE_LOCAL[4], name: NAME, timeoutMs: 300 };
    assert.equal((await lab.ask("pod", question)).by, by, flags.join());
  }
});

test("where link-local addresses lead is read from kube-proxy's rules when no flag says it", async (context) => {
  const lab = await createLab(context, { endpointCount: 2 });
  const corefile = corefileFor([NODE_LOCAL[4]], [UPSTREAM_IP[4]]);
  const nodens = lab.startNodens(corefile, ["-localip", NODE_LOCAL[4]]);
  await lab.untilIntercepting(nodens, [NODE_LOCAL[4]]);
  const dnat = async () => (await ourRules(lab)).filter((rule) => rule.includes("DNAT"));
  await until("its rules are there", async () => (await dnat()).length === 8);
  await nodens.stop("SIGKILL");
  const reply = await lab.ask("pod", { address: NODE_LOCAL[4], name: NAME });
  assert.equal(reply.error, undefined, "an endpoint of kube-dns-upstream answers");
});

test("nodens refuses an upstream that it intercepts, and an address that it does not listen on", async (context) => {
  const lab = await createLab(context);
  const flags = ["-localip", CLUSTER_IP[4]];
  const loop = lab.startNodens(corefileFor([CLUSTER_IP[4]], [CLUSTER_IP[4]]), flags);
  assert.match(
    await complaintOf(loop),
    /10\.96\.0\.10:53: this address is taken over \(-localip\)/,
  );
  const deaf = lab.startNodens(corefileFor(["127.0.0.1"], [UPSTREAM_IP[4]]), flags);
  assert.match(
    await complaintOf(deaf),
    /Cannot take over 10\.96\.0\.10:53: no server block listens/,
  );
  assert.deepEqual(await ourRules(lab), []);
});

test("nodens refuses an address that kube-proxy holds in IPVS mode, with the way that works", async (context) => {
  const lab = await createLab(context);
  await lab.run("node", "ip", ["link", "add", "kube-ipvs0", "type", "bridge"]);
  await lab.run("node", "ip", ["addr", "add", `${CLUSTER_IP[4]}/32`, "dev", "kube-ipvs0"]);
  const complaint = await complaintOf(startUsual(lab));
  assert.match(complaint, /Cannot intercept 10\.96\.0\.10: kube-proxy runs in IPVS mode/);
  assert.match(complaint, /-localip 169\.254\.20\.10/);
  assert.deepEqual(await ourRules(lab), []);
});
