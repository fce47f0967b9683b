/**
 * Flags the way Go's flag package and GNU both write them, made uniform.
 *
 * `-conf FILE`, `-conf=FILE`, `--conf FILE` and `--conf=FILE` are the same. A boolean flag takes
 * its value only after `=`: `-quiet`, `-setupiptables=false`.
 */

import { nearestWord } from "../std/nearest_word.ts";
import { UsageError } from "./usage_error.ts";

export interface Flag {
  /** Without dashes: `dns.port`. */
  readonly name: string;
  /** Other names: `p`. */
  readonly aliases?: readonly string[];
  /** What stands for the value in help: `FILE`; `null` for a boolean flag. */
  readonly value: string | null;
  readonly description: string;
  /** Heading in help. */
  readonly group: string;
  /** Default as help shows it; nothing is shown without. */
  readonly shownDefault?: string;
  /** Accepted, but not in help. */
  readonly isHidden?: boolean;
  /** Reads a value; the expected form as a text when it does not fit. Booleans need none. */
  readonly read?: (text: string) => unknown;
}

/** Thrown by `Flag.read`: what was expected. */
export class Expected extends Error {}

/** The values of flags by name, and the other arguments in order. */
export interface ParsedFlags {
  readonly values: ReadonlyMap<string, unknown>;
  readonly operands: readonly string[];
  /**
   * The same as `--name=value` words, `--` and the operands, for GNU-style parsers. These know no
   * boolean flag that is false: it is left out.
   */
  readonly uniform: readonly string[];
}

/** How a flag is written in help and messages: `-conf`, `-x`. */
export function spell(name: string): string {
  return `-${name}`;
}

/**
 * Reads `args`. After `--` all are operands; `-` alone is one too. The last of repeated flags
 * holds.
 *
 * @throws {UsageError} for an unknown flag, a missing value or one that does not fit.
 */
export function parseFlags(args: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const values = new Map<string, unknown>();
  const operands: string[] = [];
  const uniform: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      operands.push(...rest);
      break;
    }
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      operands.push(arg);
      continue;
    }
    const flag = findFlag(match[1], flags);
    const text = match[2] ?? (flag.value === null ? "true" : rest.shift());
    if (text === undefined) {
      const syntax = `${spell(match[1])} ${flag.value}`;
      throw new UsageError(`Missing value after "${arg}": expected ${syntax}`);
    }
    values.set(flag.name, readValue(flag, match[1], text));
    if (flag.value !== null) uniform.push(`--${flag.name}=${text}`);
    else if (values.get(flag.name) === true) uniform.push(`--${flag.name}`);
  }
  return { values, operands, uniform: [...uniform, "--", ...operands] };
}

function findFlag(name: string, flags: readonly Flag[]): Flag {
  const found = flags.find((flag) => flag.name === name || flag.aliases?.includes(name));
  if (found !== undefined) return found;
  const nearest = nearestWord(
    name,
    flags.map((flag) => flag.name),
  );
  const hint = nearest === null ? "see -help for all" : `did you mean "${spell(nearest)}"?`;
  throw new UsageError(`Unknown flag "${spell(name)}": ${hint}`);
}

function readValue(flag: Flag, name: string, text: string): unknown {
  try {
    return flag.value === null ? readBoolean(text) : (flag.read?.(text) ?? text);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    const problem = `expected ${error.message}, got "${text}"`;
    throw new UsageError(`Cannot read value of "${spell(name)}": ${problem}`);
  }
}

/** The spellings of Go's strconv.ParseBool. */
function readBoolean(text: string): boolean {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new Expected("true or false");
}
