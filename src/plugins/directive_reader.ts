/** Reads words of directives into values, and says what was expected where they do not fit. */

import type * as z from "zod/mini";
import { parseDuration } from "../config/duration.ts";
import type { Token } from "../config/lexer.ts";
import type { Directive, OptionLine } from "../config/parser.ts";
import type { Place, Problems } from "../config/problem.ts";
import { parseZones } from "../config/server_key.ts";
import { suggestWord } from "../std/nearest_word.ts";
import { goRegexpProblem } from "./go_regexp.ts";

/** How many words may follow the name of an option, and the syntax to show when they do not fit. */
export interface ArgumentCount {
  readonly min?: number;
  readonly max?: number;
  /** `success CAPACITY [TTL] [MINTTL]` */
  readonly syntax: string;
}

/** What each option of a directive does with its line; the key is its first word. */
export type OptionTable = Readonly<Record<string, (line: OptionLine) => void>>;

/**
 * A plugin's reading aid. Methods that read a value return `null` after recording a problem.
 *
 * The message of a schema completes "expected ...": see `values.ts`.
 */
export class DirectiveReader {
  readonly #plugin: string;
  readonly #problems: Problems;

  constructor(plugin: string, problems: Problems) {
    this.#plugin = plugin;
    this.#problems = problems;
  }

  error(place: Place, message: string): void {
    this.#problems.error(place, message, this.#plugin);
  }

  warning(place: Place, message: string): void {
    this.#problems.warning(place, message, this.#plugin);
  }

  /** The option is known to CoreDNS, changes no answer, and does nothing here yet. */
  noEffect(place: Place, what: string): void {
    this.warning(place, `${what} has no effect in this version`);
  }

  /** The option would change what clients get, so it cannot be ignored. */
  unsupported(place: Place, what: string): void {
    this.error(place, `Cannot use ${what}: this version does not support it`);
  }

  /** All directives but the first are errors, for plugins that may stand once in a block. */
  once(directives: readonly Directive[]): Directive {
    for (const directive of directives.slice(1)) {
      const first = directives[0].name;
      const where = `already at ${first.file}:${first.line}`;
      this.error(directive.name, `Cannot use "${this.#plugin}" twice in a server block: ${where}`);
    }
    return directives[0];
  }

  /** Runs the table's entry for every option; unknown ones are errors with the nearest name. */
  options(directive: Directive, table: OptionTable): void {
    const known = Object.keys(table);
    for (const line of directive.options) {
      const name = line.name.text;
      if (Object.hasOwn(table, name)) {
        table[name](line);
        continue;
      }
      const wanted = suggestWord(name, known) || this.#expectedOptions(known);
      this.error(line.name, `Unknown option "${name}"${wanted}`);
    }
  }

  /** Whether the number of arguments fits. */
  count(line: OptionLine, { min = 0, max = min, syntax }: ArgumentCount): boolean {
    const count = line.args.length;
    if (count >= min && count <= max) return true;
    const name = `"${line.name.text}"`;
    if (count < min) {
      const end = count === 0 ? name : `"${line.args[count - 1].text}"`;
      this.error(line.name, `Missing argument after ${end}: expected ${syntax}`);
    } else {
      const extra = line.args[max];
      this.error(extra, `Unexpected "${extra.text}" after ${name}: expected ${syntax}`);
    }
    return false;
  }

  /** A whole number in decimal, as Go's Atoi reads it. */
  integer(token: Token, what: string, schema: z.ZodMiniType<number>): number | null {
    const value = /^[-+]?[0-9]+$/.test(token.text) ? Number(token.text) : Number.NaN;
    return this.#checked(token, what, value, schema);
  }

  /** A Go duration, in milliseconds. */
  durationMs(token: Token, what: string, schema: z.ZodMiniType<number>): number | null {
    const value = parseDuration(token.text);
    const isBare = value === null && /^[0-9]+$/.test(token.text);
    const hint = isBare ? `: did you mean "${token.text}s"?` : "";
    return this.#checked(token, what, value ?? Number.NaN, schema, hint);
  }

  /** A regular expression of Go's. */
  pattern(token: Token, what: string): string | null {
    const problem = goRegexpProblem(token.text);
    if (problem === null) return token.text;
    this.error(token, `Cannot read ${what}: ${problem}, got "${token.text}"`);
    return null;
  }

  /** One of `words`, in any case. */
  choice<const Word extends string>(
    token: Token,
    what: string,
    words: readonly Word[],
  ): Word | null {
    const asked = token.text.toLowerCase();
    const found = words.find((word) => word === asked);
    if (found !== undefined) return found;
    const near = suggestWord(token.text, words);
    const list = `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
    this.error(token, `Cannot read ${what}: ${list}, got "${token.text}"${near}`);
    return null;
  }

  /** Zones and CIDR prefixes, normalised; what cannot be read is left out. */
  zones(tokens: readonly Token[]): string[] {
    const zones: string[] = [];
    for (const token of tokens) {
      const result = parseZones(token.text);
      if (result.zones === null) {
        this.error(token, `Cannot read zone "${token.text}": ${result.problem}`);
      } else {
        zones.push(...result.zones);
      }
    }
    return [...new Set(zones)];
  }

  #checked(
    token: Token,
    what: string,
    value: number,
    schema: z.ZodMiniType<number>,
    hint = "",
  ): number | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const expected = result.error.issues[0].message;
    this.error(token, `Cannot read ${what}: expected ${expected}, got "${token.text}"${hint}`);
    return null;
  }

  #expectedOptions(known: readonly string[]): string {
    if (known.length === 0) return `: "${this.#plugin}" takes none`;
    return `: expected ${known.slice(0, -1).join(", ")}${known.length > 1 ? " or " : ""}${known.at(-1)}`;
  }
}
