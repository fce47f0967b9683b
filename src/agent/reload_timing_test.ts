import assert from "node:assert/strict";
import { test } from "node:test";
import type { Config } from "../config/config.ts";
import { requireConfig } from "../config/load.ts";
import { memorySource } from "../config/source.ts";
import { reloadTiming } from "./reload_timing.ts";

function configWith(...directives: string[]): Config {
  const blocks = directives.map((text, index) => `z${index}. {\n${text}\nforward . 192.0.2.1\n}\n`);
  const source = memorySource({ Corefile: blocks.join(""), "/w": "" });
  return requireConfig({ confFile: null, source }).config;
}

const NOBODY = { isManaged: false, isAtOnce: false };
const AT_ONCE = { intervalMs: 0, jitterMs: 0, isForFilesOnly: false };

test("reloadTiming() follows a plain file only with `reload`", () => {
  assert.equal(reloadTiming(configWith("errors"), NOBODY), null);
  assert.deepEqual(reloadTiming(configWith("errors", "reload"), NOBODY), AT_ONCE);
});

test("reloadTiming() follows the weights of `loadbalance` without `reload`", () => {
  const weighted = "loadbalance weighted /w";
  const filesOnly = { ...AT_ONCE, isForFilesOnly: true };
  assert.deepEqual(reloadTiming(configWith(weighted), NOBODY), filesOnly);
  assert.equal(reloadTiming(configWith(`${weighted} {\nreload 0s\n}`), NOBODY), null);
  assert.equal(reloadTiming(configWith("loadbalance"), NOBODY), null);
});

test("reloadTiming() follows the file of `hosts` without `reload`, and nothing else", () => {
  const filesOnly = { ...AT_ONCE, isForFilesOnly: true };
  assert.deepEqual(reloadTiming(configWith("hosts", "errors"), NOBODY), filesOnly);
  assert.equal(reloadTiming(configWith("hosts {\nreload 0\n}"), NOBODY), null);
  assert.deepEqual(reloadTiming(configWith("hosts", "reload"), NOBODY), AT_ONCE);
});

test("reloadTiming() follows a ConfigMap or a template always", () => {
  assert.deepEqual(reloadTiming(configWith("errors"), { ...NOBODY, isManaged: true }), AT_ONCE);
});

test("reloadTiming() waits as long as the shortest interval that is named says", () => {
  const config = configWith("reload 1m 20s", "reload 10s 2s", "reload");
  const tenSeconds = { intervalMs: 10_000, jitterMs: 2_000, isForFilesOnly: false };
  assert.deepEqual(reloadTiming(config, { ...NOBODY, isManaged: true }), tenSeconds);
  assert.deepEqual(reloadTiming(config, { isManaged: true, isAtOnce: true }), AT_ONCE);
});
