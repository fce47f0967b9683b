import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import { memorySource } from "../config/source.ts";
import { PLUGIN_NAMES } from "./registry.ts";

const REFUSED = ["trace"];
const FILES = {
  "/etc/resolv.conf": "nameserver 192.0.2.53\n",
  "/etc/nodens/search.conf": "search example.org example.net\n",
  "/etc/nodens/weights": "www.example.org\n192.0.2.1 3\n",
};
const INTERFACES = [{ name: "lo", addresses: ["127.0.0.1", "::1"] }];

test("loadConfig() accepts every example of the plugins' manual pages", () => {
  for (const name of PLUGIN_NAMES) {
    const text = readFileSync(new URL(`./${name}/README.md`, import.meta.url), "utf8");
    const [, examples = ""] = text.split("## Examples\n");
    const corefiles = [...examples.matchAll(/^```corefile\n(.*?)^```$/gms)].map(
      (match) => match[1],
    );
    assert.ok(corefiles.length > 0, name);
    for (const corefile of corefiles) {
      const source = memorySource({ ...FILES, Corefile: corefile }, { interfaces: INTERFACES });
      const { problems } = loadConfig({ confFile: null, source });
      assert.deepEqual(problems.map(formatProblem), [], `${name}: ${corefile}`);
      // The page of a directive that is refused shows what to write in its place.
      if (!REFUSED.includes(name)) assert.match(corefile, new RegExp(`^    ${name}\\b`, "m"));
    }
  }
});
