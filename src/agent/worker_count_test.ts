import assert from "node:assert/strict";
import { test } from "node:test";
import { requireConfig } from "../config/load.ts";
import { memorySource } from "../config/source.ts";
import { workerCount } from "./worker_count.ts";

test("workerCount() is what -workers says, or multisocket, or one", () => {
  const cases: [workers: "auto" | number | null, directives: string[], count: number][] = [
    [null, ["any", "any"], 1],
    [null, ["multisocket 3", "any"], 3],
    [null, ["multisocket 3", "multisocket 5"], 5],
    [null, ["multisocket"], 8],
    [null, ["multisocket 1024"], 64],
    [2, ["multisocket 3"], 2],
    ["auto", ["multisocket 3"], 8],
  ];
  for (const [workers, directives, count] of cases) {
    const blocks = directives.map((directive, index) => {
      return `.:${53 + index} {\n${directive}\nforward . 192.0.2.53\n}\n`;
    });
    const source = memorySource({ Corefile: blocks.join("") });
    const { config } = requireConfig({ confFile: "Corefile", source });
    assert.equal(workerCount({ workers }, config, 8), count, directives.join());
  }
});
