/**
 * Corefile tokens to server blocks: keys, directives, snippets and imports.
 *
 * The parser knows the grammar and no directive. It records what is wrong and goes on, so that one
 * pass finds all problems; what it returns beside problems is good enough for the later checks.
 */

import { expandEnvironment } from "./environment.ts";
import { type ImportState, spliceImport } from "./import.ts";
import { lex, type Token } from "./lexer.ts";
import { TOKENS_MAX } from "./limits.ts";
import { type Place, Problems } from "./problem.ts";
import type { ConfigSource } from "./source.ts";

/** Where the text of a Corefile comes from, when it is not the file itself. */
export interface TextOrigin {
  /** Place of what stands at a line and column of the text. */
  placeOf(line: number, column: number): Place;
  /** Where its imports are looked for: the first directory that has them. At least one. */
  readonly importDirectories: readonly string[];
}

/** One line inside a directive's block: `success 9984 30`. */
export interface OptionLine {
  readonly name: Token;
  readonly args: readonly Token[];
}

/** One directive of a server block: `cache 30 { ... }`. */
export interface Directive {
  readonly name: Token;
  readonly args: readonly Token[];
  /** Lines between the braces; empty without braces. */
  readonly options: readonly OptionLine[];
}

/** Keys and directives between one pair of braces; `directives` in the order of the file. */
export interface ServerBlock {
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

/**
 * Parses `text`, which was read from `file`, with all that it imports.
 *
 * Imports are relative to the file that holds them. Everything wrong goes to `problems`.
 *
 * @param origin for a text that was made: places and imports are then those of its origin.
 */
export function parseCorefile(
  text: string,
  file: string,
  source: ConfigSource,
  problems = new Problems(),
  origin: TextOrigin | null = null,
): ServerBlock[] {
  const tokens =
    origin === null ? lex(text, file, problems) : lexMade(text, file, problems, origin);
  const imports: ImportState = {
    source,
    problems,
    file,
    directories: origin?.importDirectories ?? null,
    snippets: new Map(),
    snippetImportCount: 0,
    fileImportCount: 0,
  };
  return new Parser(tokens, file, problems, imports).run();
}

/** Tokens and problems of a text, at the places that it was made from. */
function lexMade(text: string, file: string, problems: Problems, origin: TextOrigin): Token[] {
  const found = new Problems();
  const tokens = lex(text, file, found);
  for (const { severity, line, column, message, plugin } of found.sorted()) {
    problems[severity](origin.placeOf(line, column), message, plugin);
  }
  return tokens.map((token) => ({ ...token, ...origin.placeOf(token.line, token.column) }));
}

interface DirectiveDraft {
  readonly name: Token;
  readonly args: Token[];
  readonly options: { name: Token; args: Token[] }[];
}

class Parser {
  readonly #tokens: Token[];
  readonly #file: string;
  readonly #problems: Problems;
  readonly #imports: ImportState;
  #at = 0;

  constructor(tokens: Token[], file: string, problems: Problems, imports: ImportState) {
    this.#tokens = tokens;
    this.#file = file;
    this.#problems = problems;
    this.#imports = imports;
  }

  run(): ServerBlock[] {
    const blocks: ServerBlock[] = [];
    while (this.#peek() !== null) {
      const keys = this.#parseKeys();
      if (keys.length === 0) {
        this.#skipBlockWithoutKeys();
      } else if (keys.length === 1 && /^\(.*\)$/s.test(keys[0].text)) {
        this.#parseSnippet(keys[0]);
      } else {
        blocks.push({ keys, directives: this.#parseBody() });
      }
    }
    return blocks;
  }

  /** Keys up to the brace or the end of the line; a comma at the end goes on to the next line. */
  #parseKeys(): Token[] {
    const keys: Token[] = [];
    let comma: Token | null = null;
    for (;;) {
      const token = this.#peek();
      if (token === null) break;
      if (keys.length > 0 && token.startsLine && comma === null) break;
      if (token.text === "import" && token.startsLine) {
        this.#import();
        continue;
      }
      if (token.text === "{") break;
      this.#at += 1;
      if (token.text === "}") {
        this.#error(token, "Unexpected '}': no matching '{'");
        continue;
      }
      const key = this.#expand(token);
      comma = key.text.endsWith(",") ? token : null;
      const text = comma === null ? key.text : key.text.slice(0, -1);
      if (text !== "") keys.push({ ...key, text });
      if (this.#hasGluedBrace(key, "server block")) {
        keys[keys.length - 1] = { ...key, text: text.slice(0, -1) };
        this.#tokens.splice(this.#at, 0, { ...token, text: "{", startsLine: false });
        break;
      }
    }
    if (comma !== null) {
      const found = this.#peek() === null ? "the end of the file" : `"{"`;
      this.#error(comma, `Expected another address after ',': got ${found}, check for extra comma`);
    }
    return keys;
  }

  #skipBlockWithoutKeys(): void {
    const brace = this.#peek();
    if (brace === null) return;
    this.#error(brace, "Expected the address of a server block before '{', for example '.:53'");
    this.#parseBody();
  }

  /** Directives in braces, or to the end of the file when there is no brace. */
  #parseBody(): Directive[] {
    const brace = this.#peek()?.text === "{" ? this.#peek() : null;
    if (brace !== null) this.#at += 1;
    const directives: Directive[] = [];
    for (;;) {
      const token = this.#peek();
      if (token === null) {
        if (brace !== null) this.#endMissing(brace);
        return directives;
      }
      if (token.text === "}") {
        if (brace === null) this.#error(token, "Unexpected '}': no matching '{'");
        this.#at += 1;
        return directives;
      }
      // After an import the first imported token stands where `import` stood, without a line end.
      if (token.text === "import") {
        this.#import();
        continue;
      }
      const closed = this.#parseDirective(directives);
      if (closed) return directives;
    }
  }

  /** Returns whether the server block ended within the directive's line. */
  #parseDirective(directives: Directive[]): boolean {
    const name = this.#expand(this.#tokens[this.#at]);
    this.#at += 1;
    const draft: DirectiveDraft = { name, args: [], options: [] };
    if (this.#tokens[this.#at - 1].text === "{") {
      this.#error(name, "Unexpected '{': expected the name of a directive before it");
      this.#parseOptions(name, draft);
      return this.#skipRestOfLine();
    }
    if (this.#hasGluedBrace(name, "directive")) {
      directives.push({ ...draft, name: { ...name, text: name.text.slice(0, -1) } });
      this.#parseOptions(name, draft);
      return false;
    }
    directives.push(draft);
    for (;;) {
      const token = this.#peek();
      if (token === null) return false;
      if (token.text === "{") {
        if (token.startsLine) {
          const wanted = `expected it on the line of "${name.text}"`;
          this.#error(token, `Unexpected '{' at the start of a line: ${wanted}`);
        }
        this.#at += 1;
        this.#parseOptions(token, draft);
        return this.#skipRestOfLine();
      }
      if (token.startsLine) return false;
      this.#at += 1;
      if (token.text === "}") {
        this.#error(token, "Unexpected '}': expected it on a line of its own");
        return true;
      }
      const arg = this.#expand(token);
      if (this.#hasGluedBrace(arg, "argument")) {
        draft.args.push({ ...arg, text: arg.text.slice(0, -1) });
        this.#parseOptions(arg, draft);
        return this.#skipRestOfLine();
      }
      draft.args.push(arg);
    }
  }

  /** Lines up to the brace that closes a directive's block. */
  #parseOptions(brace: Place, draft: DirectiveDraft): void {
    let line: { name: Token; args: Token[] } | null = null;
    let depth = 1;
    for (;;) {
      const token = this.#peek();
      if (token === null) {
        this.#endMissing(brace);
        return;
      }
      if (token.text === "import" && token.startsLine) {
        this.#import();
        continue;
      }
      this.#at += 1;
      if (token.text === "{") {
        this.#error(token, "Unexpected '{': an option takes no block");
        depth += 1;
        continue;
      }
      if (token.text === "}") {
        depth -= 1;
        if (!token.startsLine && line !== null && depth === 0) {
          this.#error(token, "Unexpected '}': expected it on a line of its own");
        }
        if (depth === 0) return;
        continue;
      }
      const word = this.#expand(token);
      if (line === null || token.startsLine) {
        line = { name: word, args: [] };
        draft.options.push(line);
      } else {
        line.args.push(word);
      }
    }
  }

  /** After a directive's closing brace; returns whether the server block's brace was there too. */
  #skipRestOfLine(): boolean {
    for (;;) {
      const token = this.#peek();
      if (token === null || token.startsLine) return false;
      this.#at += 1;
      if (token.text === "}") {
        this.#error(token, "Unexpected '}': expected it on a line of its own");
        return true;
      }
      this.#error(token, `Unexpected "${token.text}" after '}': expected the end of the line`);
    }
  }

  /** Tokens between balanced braces are kept as they are, until `import` brings them in. */
  #parseSnippet(key: Token): void {
    const name = key.text.slice(1, -1);
    const brace = this.#peek();
    if (brace === null || brace.text !== "{") {
      this.#error(key, `Cannot read snippet "${name}": expected '{' after "(${name})"`);
      return;
    }
    this.#at += 1;
    const start = this.#at;
    let depth = 1;
    while (depth > 0) {
      const token = this.#peek();
      if (token === null) {
        this.#endMissing(brace);
        return;
      }
      this.#at += 1;
      if (token.text === "{") depth += 1;
      if (token.text === "}") depth -= 1;
    }
    if (this.#imports.snippets.has(name)) {
      this.#error(key, `Cannot define snippet "${name}" again: it is already defined`);
      return;
    }
    this.#imports.snippets.set(name, this.#tokens.slice(start, this.#at - 1));
  }

  #import(): void {
    spliceImport(this.#tokens, this.#at, this.#imports, (token) => this.#expand(token));
    if (this.#tokens.length <= TOKENS_MAX) return;
    const message = `Cannot read more than ${TOKENS_MAX} words: check what is imported how often`;
    this.#error({ file: this.#file, line: 0, column: 0 }, message);
    this.#tokens.length = this.#at;
  }

  #hasGluedBrace(token: Token, what: string): boolean {
    const next = this.#peek();
    if (!/[^{]\{$/.test(token.text) || (next !== null && !next.startsLine)) return false;
    const [name, brace] = [token.text.slice(0, -1), "'{'"];
    this.#error(token, `Missing space before ${brace} of the ${what}: write "${name} {"`);
    return true;
  }

  #expand(token: Token): Token {
    const { source } = this.#imports;
    const { text, unset, endless } = expandEnvironment(token.text, (name) =>
      source.environment(name),
    );
    for (const name of unset) {
      this.#problems.warning(token, `Environment variable "${name}" is not set: it reads as ""`);
    }
    if (endless) {
      this.#error(token, `Cannot replace environment variables in "${token.text}": no end to it`);
    }
    return text === token.text || endless ? token : { ...token, text };
  }

  #peek(): Token | null {
    return this.#tokens[this.#at] ?? null;
  }

  #endMissing(brace: Place): void {
    this.#error(brace, "Missing '}': the file ends before this block is closed");
  }

  #error(place: Place, message: string): void {
    this.#problems.error(place, message);
  }
}
