/**
 * Looks for a route to the address that is its argument, again and again, until a line comes in;
 * prints `{looks, misses}`.
 */

import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { Rtnetlink } from "../../../src/net/rtnetlink.ts";
import { openControlKernel } from "../../../src/sys/open_kernel.ts";

const LOOKS_PER_TURN = 100;

const rtnetlink = new Rtnetlink(openControlKernel());
const count = { looks: 0, misses: 0 };
let isStopped = false;
process.stdin.once("data", () => {
  isStopped = true;
});
for (let turns = 0; !isStopped; turns++) {
  for (let look = 0; look < LOOKS_PER_TURN; look++) {
    count.looks += 1;
    if (rtnetlink.sourceTowards(process.argv[2]!) === null) count.misses += 1;
  }
  if (turns === 0) process.stdout.write("ready\n");
  await turn();
}
process.stdout.write(`${JSON.stringify(count)}\n`);
process.exit();
