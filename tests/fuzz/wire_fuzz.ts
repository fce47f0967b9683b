/**
 * Throws damaged messages at src/wire and checks what must hold for any bytes.
 *
 *   node tests/fuzz/wire_fuzz.ts [--seed N] [--rounds N]
 *
 * The corpus (corpus/*.hex, `#` begins a comment) is tried as it stands, then damaged round by
 * round. A failure says which seed and round it was and shows the message; put that into the
 * corpus.
 */

import { readdirSync, readFileSync } from "node:fs";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { Prng } from "../../src/std/prng.ts";
import { fromHex, toHex } from "../support/memory.ts";
import { mutate } from "./mutate.ts";
import { checkMessage, WIRE, type Wire } from "./wire_properties.ts";

const CORPUS = new URL("corpus/", import.meta.url);
const DAMAGED_MAX = 500;
const ROUNDS_DEFAULT = 1_000_000;

export interface CorpusEntry {
  readonly file: string;
  readonly message: Uint8Array;
}

/** All messages of the corpus, by file name. */
export function readCorpus(): CorpusEntry[] {
  const files = readdirSync(CORPUS).filter((file) => file.endsWith(".hex"));
  return files.sort().map((file) => {
    const text = readFileSync(new URL(file, CORPUS), "utf8").replace(/#.*/g, "");
    return { file, message: fromHex(text) };
  });
}

/**
 * Tries `rounds` damaged messages.
 *
 * @throws {Error} at the first message for which a property does not hold.
 */
export function fuzzWire(seed: number, rounds: number, wire: Wire = WIRE): void {
  const prng = new Prng(seed);
  const corpus = readCorpus().map((entry) => entry.message);
  // Damage adds up: half of the rounds start from a damaged message that was still accepted.
  const damaged = [...corpus];
  for (let round = 0; round < rounds; round++) {
    const start = prng.chance(0.5) ? prng.pick(corpus) : prng.pick(damaged);
    const message = mutate(start, prng.pick(corpus), prng);
    let isAccepted = false;
    try {
      isAccepted = checkMessage(wire, message);
    } catch (cause) {
      const replay = `node tests/fuzz/wire_fuzz.ts --seed ${seed} --rounds ${round + 1}`;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Round ${round} failed: ${why}\n${replay}\n${toHex(message)}`, { cause });
    }
    if (!isAccepted) continue;
    if (damaged.length < DAMAGED_MAX) damaged.push(message);
    else damaged[prng.below(damaged.length)] = message;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: { seed: { type: "string" }, rounds: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
  const rounds = Number(values.rounds ?? ROUNDS_DEFAULT);
  console.log(`seed ${seed}, ${rounds} rounds`);
  for (const { message } of readCorpus()) checkMessage(WIRE, message);
  fuzzWire(seed, rounds);
  console.log("nothing found");
}
