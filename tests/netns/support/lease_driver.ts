/**
 * A lease in a process of its own, whose namespace it acts on: a line in, a line out.
 *
 * The first argument is what `LeaseDriver` asks for, as JSON. Each line of standard input is the
 * name of a method; the answer is `{value, ms, error}`. The end of input ends the process.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { openControlKernel } from "../../../src/sys/open_kernel.ts";
import { orderedLease } from "./lease_making.ts";

const subject = orderedLease(
  openControlKernel(),
  JSON.parse(process.argv[2]!),
) as unknown as Record<string, () => unknown>;

for await (const line of createInterface({ input: process.stdin })) {
  const begin = performance.now();
  const answer: { value?: unknown; ms?: number; error?: string } = {};
  try {
    answer.value = await subject[line]!();
  } catch (error) {
    answer.error = String(error);
  }
  answer.ms = performance.now() - begin;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
