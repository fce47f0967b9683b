import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readUnits, unitTexts } from "./unit_texts.ts";

test("unitTexts() finds src/install/unit_texts.ts up to date: run npm run fmt", () => {
  const path = join(import.meta.dirname, "..", "src", "install", "unit_texts.ts");
  assert.equal(readFileSync(path, "utf8"), unitTexts(readUnits()));
});

test("unitTexts() keeps what means something in a template", async () => {
  const text = ["ExecStart=`x` $VARIABLE $", "{OTHER} \\n\n"].join("");
  const source = unitTexts({ "a.service": text }).replace(/ as const;[\s\S]*/, ";");
  const module = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  assert.equal(module.UNIT_TEXTS["a.service"], text);
});
