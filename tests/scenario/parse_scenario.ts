/** Text of a scenario to its steps; the grammar is in README.md. */

import { type DnsRecord, parseRecord } from "../support/dns_message.ts";
import { splitWords } from "../support/dns_rdata.ts";

export type Section = "answer" | "authority" | "additional";

export interface Step {
  /** 1-based line in the file. */
  readonly line: number;
  readonly words: readonly string[];
  readonly records: Readonly<Record<Section, readonly DnsRecord[]>>;
  /** Of a step `Corefile`: the configuration from now on. */
  readonly corefile: string;
}

export interface Scenario {
  readonly file: string;
  readonly corefile: string;
  /** Further files of the machine, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Addresses of the machine besides the usual ones. */
  readonly addresses: readonly string[];
  readonly steps: readonly Step[];
  /** Why it does not hold yet; empty when it has to. */
  readonly later: string;
}

/** A mistake in a scenario, or an expectation that does not hold. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
  }
}

interface Block {
  readonly line: number;
  readonly head: string;
  readonly body: { readonly line: number; readonly text: string }[];
}

const NO_RECORDS = { answer: [], authority: [], additional: [] };

/** @throws {ScenarioError} at the first line that is not understood. */
export function parseScenario(text: string, file: string): Scenario {
  const files: Record<string, string> = {};
  const addresses: string[] = [];
  const steps: Step[] = [];
  let corefile = "";
  let later = "";
  for (const block of splitBlocks(text, file)) {
    const words = splitWords(block.head);
    const isChange = words[0] === "Corefile" && corefile !== "";
    const line = block.line;
    if (isChange) steps.push({ line, words, records: NO_RECORDS, corefile: bodyText(block) });
    else if (block.head === "Corefile") corefile = bodyText(block);
    else if (words[0] === "file" && words.length === 2) files[words[1]!] = bodyText(block);
    else if (words[0] === "later") later = words.slice(1).join(" ");
    else if (words[0] === "machine" && words[1] === "has") addresses.push(...words.slice(2));
    else steps.push({ line, words, records: readRecords(block, file), corefile: "" });
  }
  if (corefile === "") throw new ScenarioError(file, 1, "there is no Corefile");
  return { file, corefile, files, addresses, steps, later };
}

/** Lines at the margin start a block; indented ones belong to it; `;` starts a comment line. */
function splitBlocks(text: string, file: string): Block[] {
  const blocks: Block[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith(";")) continue;
    if (!/^\s/.test(line)) blocks.push({ line: index + 1, head: trimmed, body: [] });
    else if (blocks.length === 0) throw new ScenarioError(file, index + 1, "belongs to no step");
    else blocks.at(-1)!.body.push({ line: index + 1, text: line });
  }
  return blocks;
}

function bodyText(block: Block): string {
  return block.body.map(({ text }) => `${text}\n`).join("");
}

function readRecords(block: Block, file: string): Record<Section, DnsRecord[]> {
  const records: Record<Section, DnsRecord[]> = { answer: [], authority: [], additional: [] };
  for (const { line, text } of block.body) {
    const [, section, record] = /^\s*(answer|authority|additional)\s+(.*)$/.exec(text) ?? [];
    if (section === undefined || record === undefined) {
      throw new ScenarioError(file, line, "is not answer, authority or additional and a record");
    }
    try {
      records[section as Section].push(...expandRange(record).map(parseRecord));
    } catch (error) {
      throw new ScenarioError(file, line, (error as Error).message);
    }
  }
  return records;
}

/** `big.example.org. 60 A 192.0.2.1-9` to nine records. */
function expandRange(record: string): string[] {
  const [, head, prefix, from, to] = /^(.* A )(\d+\.\d+\.\d+\.)(\d+)-(\d+)$/.exec(record) ?? [];
  if (head === undefined) return [record];
  const count = Number(to) - Number(from) + 1;
  return Array.from({ length: count }, (_, index) => `${head}${prefix}${Number(from) + index}`);
}

/** The words of a step after its verb: plain ones, `-negated` ones and `key=value` ones. */
export class StepWords {
  readonly #step: Step;
  readonly #file: string;
  readonly #words: readonly string[];
  readonly #used = new Set<string>();

  constructor(step: Step, file: string, words: readonly string[]) {
    this.#step = step;
    this.#file = file;
    this.#words = words;
  }

  has(word: string): boolean {
    this.#used.add(word);
    return this.#words.includes(word);
  }

  /** The value of the last `key=value`. */
  value(key: string): string | undefined {
    return this.values(key).at(-1);
  }

  values(key: string): string[] {
    const found = this.#words.filter((word) => word.startsWith(`${key}=`));
    for (const word of found) this.#used.add(word);
    return found.map((word) => word.slice(key.length + 1));
  }

  /** @throws {ScenarioError} when the value is no whole number. */
  number(key: string): number | undefined {
    const value = this.value(key);
    if (value === undefined || /^\d+$/.test(value)) {
      return value === undefined ? undefined : Number(value);
    }
    throw this.error(`${key}=${value} is not a number`);
  }

  /** The first plain word that `names` has. */
  oneOf(names: Readonly<Record<string, number>>): string | undefined {
    const found = this.#words.find((word) => Object.hasOwn(names, word));
    if (found !== undefined) this.#used.add(found);
    return found;
  }

  /** All plain words that `names` has. */
  allOf(names: Readonly<Record<string, number>>): string[] {
    const found = this.#words.filter((word) => Object.hasOwn(names, word));
    for (const word of found) this.#used.add(word);
    return found;
  }

  /** @throws {ScenarioError} when a word was not asked for: it has no meaning here. */
  finish(): void {
    const unknown = this.#words.find((word) => !this.#used.has(word));
    if (unknown !== undefined) throw this.error(`"${unknown}" has no meaning here`);
  }

  error(message: string): ScenarioError {
    return new ScenarioError(this.#file, this.#step.line, message);
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of `300ms`, `2s`, `5m`, `1h`, `7d`. @throws {SyntaxError} */
export function durationMs(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined) throw new SyntaxError(`"${text}" is not a time such as 300ms or 2s`);
  return Number(count) * UNIT_MS[unit!]!;
}
