/** A change watch in a process of its own: every line of input is a look, answered as JSON. */

import process from "node:process";
import { createInterface } from "node:readline";
import { ChangeWatch, type LegacyTable } from "../../../src/net/watch.ts";
import { openControlKernel } from "../../../src/sys/open_kernel.ts";

const tables = JSON.parse(process.argv[2] ?? "[]") as LegacyTable[];
const watch = new ChangeWatch(openControlKernel(), () => tables);

for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(watch.poll())}\n`);
}
