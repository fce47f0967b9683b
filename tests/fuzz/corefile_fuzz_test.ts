/**
 * The Corefile reader against random and mutated text: it must end, must not throw, and must name a
 * place for everything it complains about.
 *
 * Replay one run with `SEED=N node --test tests/fuzz/corefile_fuzz_test.ts`; `ROUNDS=N` runs
 * longer.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { compilePlan } from "../../src/config/compile.ts";
import { lex } from "../../src/config/lexer.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Problems } from "../../src/config/problem.ts";
import { memorySource } from "../../src/config/source.ts";
import { Prng } from "../../src/std/prng.ts";

const ROUNDS = Number(process.env.ROUNDS ?? 800);
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 32);
const TEXT_LENGTH_MAX = 20_000;

const TESTDATA = fileURLToPath(new URL("../../src/config/testdata", import.meta.url));

const WORDS = [
  ...["{", "}", "\n", "\n", " ", ",", '"', "\\", "#", "\r", "\t", "\uFEFF", "\u0085", "\0", "😀"],
  ...[
    "import ",
    "(s)",
    "import s\n",
    "import a.conf\n",
    "import *.conf\n",
    "{$A}",
    "{%B%}",
    "{$LOOP}",
  ],
  ...[
    ".:53",
    "example.org",
    "10.0.0.0/22",
    "2001:db8::/33",
    "dns://",
    "tls://x",
    ":0",
    "a".repeat(64),
  ],
  ...[
    "cache ",
    "forward ",
    "bind ",
    "errors",
    "log ",
    "reload",
    "success ",
    "health_check ",
    "except ",
  ],
  ...["30", "-1", "5s", "1h2m3.5s", "99999999999999999999", "10%", "192.0.2.1", "[::1]:53", "lo"],
];

const FILES = { "a.conf": "errors\nimport b.conf\n", "b.conf": "cache 30 {\n keepttl\n}\n" };
const INTERFACES = [{ name: "lo", addresses: ["127.0.0.1", "::1"] }];

/** Reads `text` in all ways and checks what must hold for any text. */
function check(text: string): boolean {
  const environment = { A: "example.org", B: "}", LOOP: "{$LOOP}{$LOOP}" };
  const source = memorySource(
    { ...FILES, Corefile: text },
    { environment, interfaces: INTERFACES },
  );
  const tokens = lex(text, "Corefile", new Problems());
  const lineCount = text.split("\n").length;
  for (const token of tokens) assert.ok(token.line >= 1 && token.line <= lineCount);
  const { config, problems } = loadConfig({ confFile: "Corefile", source });
  for (const problem of problems) {
    assert.ok(problem.message.length > 0);
    assert.ok(problem.file === "Corefile" || Object.hasOwn(FILES, problem.file));
    if (problem.file === "Corefile") assert.ok(problem.line <= lineCount);
  }
  const hasError = problems.some((problem) => problem.severity === "error");
  assert.equal(config === null, hasError);
  if (config === null) return false;
  const plan = compilePlan(config, 1);
  assert.deepEqual(structuredClone(plan), plan);
  assert.equal(plan.views.length, config.servers.length);
  return true;
}

function mutate(text: string, random: Prng): string {
  let result = text;
  for (let count = 1 + random.below(6); count > 0; count -= 1) {
    const at = random.below(result.length + 1);
    const length = random.below(20);
    const choice = random.below(4);
    if (choice === 0) result = result.slice(0, at) + random.pick(WORDS) + result.slice(at);
    else if (choice === 1) result = result.slice(0, at) + result.slice(at + length);
    else if (choice === 2) {
      result = result.slice(0, at) + result.slice(at, at + length).repeat(2) + result.slice(at);
    } else result = result.slice(0, at) + random.pick(WORDS) + result.slice(at + length);
  }
  return result.slice(0, TEXT_LENGTH_MAX);
}

function invent(random: Prng): string {
  let text = "";
  for (let count = random.below(60); count > 0; count -= 1) text += random.pick(WORDS);
  return text;
}

test(`loadConfig() reads any text without throwing (SEED=${SEED})`, () => {
  const corpus = readdirSync(TESTDATA)
    .filter((name) => name.endsWith(".Corefile"))
    .map((name) => readFileSync(`${TESTDATA}/${name}`, "utf8"));
  const random = new Prng(SEED);
  let goodCount = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = round % 3 === 0 ? invent(random) : mutate(random.pick(corpus), random);
    try {
      if (check(text)) goodCount += 1;
    } catch (error) {
      const replay = `SEED=${SEED} node --test tests/fuzz/corefile_fuzz_test.ts`;
      throw new Error(`${replay}, round ${round}, text ${JSON.stringify(text)}`, { cause: error });
    }
  }
  // A fuzzer that never gets past the grammar tests the grammar alone.
  assert.ok(goodCount > ROUNDS / 50, `${goodCount} of ${ROUNDS} texts were good`);
});

test("loadConfig() ends soon for snippets that import each other many times over", () => {
  let text = "(s0) {\n errors\n}\n";
  for (let level = 1; level < 12; level += 1) {
    text += `(s${level}) {\n${` import s${level - 1}\n`.repeat(10)}}\n`;
  }
  assert.equal(check(`${text}. {\n import s11\n}\n`), false);
});
