/** `import NAME` in a Corefile: the tokens of a snippet or of files take the place of the words. */

import { dirname } from "node:path";
import { isPattern, matchFiles, patternProblem } from "./glob.ts";
import { lex, type Origin, type Token } from "./lexer.ts";
import { FILE_IMPORTS_MAX, SNIPPET_IMPORTS_MAX } from "./limits.ts";
import type { Problems } from "./problem.ts";
import type { ConfigSource } from "./source.ts";

/** What imports of one Corefile share. */
export interface ImportState {
  readonly source: ConfigSource;
  readonly problems: Problems;
  /** The main file, and where its imports are if not beside it. */
  readonly file: string;
  readonly directories: readonly string[] | null;
  /** Tokens by snippet name, unexpanded. */
  readonly snippets: Map<string, readonly Token[]>;
  snippetImportCount: number;
  fileImportCount: number;
}

/**
 * Replaces the import whose first word is `tokens[at]` by what it imports.
 *
 * What cannot be imported is recorded as a problem and imports nothing.
 */
export function spliceImport(
  tokens: Token[],
  at: number,
  state: ImportState,
  expand: (token: Token) => Token,
): void {
  const word = tokens[at];
  let count = 1;
  while (at + count < tokens.length && !endsLine(tokens[at + count])) count += 1;
  const args = tokens.slice(at + 1, at + count).map(expand);
  const imported = readImport(word, args, state);
  const startsLine = word.startsLine;
  const placed = imported.map((token, index) => (index === 0 ? { ...token, startsLine } : token));
  const after = tokens[at + count];
  if (placed.length === 0 && after !== undefined && startsLine) {
    tokens[at + count] = { ...after, startsLine };
  }
  spliceLarge(tokens, at, count, placed);
}

// A brace on the line of the import belongs to what surrounds it, for example `import a }`.
function endsLine(token: Token): boolean {
  return token.startsLine || token.text === "{" || token.text === "}";
}

function readImport(word: Token, args: readonly Token[], state: ImportState): readonly Token[] {
  const { problems } = state;
  if (args.length !== 1 || args[0].text === "") {
    const got = args.map((token) => `"${token.text}"`).join(" ");
    const wanted = "expected one snippet name, file or pattern";
    problems.error(word, `Cannot import: ${wanted}, got ${got || "nothing"}`);
    return [];
  }
  const name = args[0];
  const snippet = state.snippets.get(name.text);
  return snippet === undefined ? readFiles(name, state) : readSnippet(name, snippet, state);
}

function readSnippet(name: Token, snippet: readonly Token[], state: ImportState): Token[] {
  const imported = `snippet ${name.text}`;
  if (isWithin(imported, name.origin)) {
    state.problems.error(name, `Cannot import snippet "${name.text}": it imports itself`);
    return [];
  }
  state.snippetImportCount += 1;
  if (state.snippetImportCount > SNIPPET_IMPORTS_MAX) {
    state.problems.error(name, `Cannot import more than ${SNIPPET_IMPORTS_MAX} snippets`);
    return [];
  }
  const origin: Origin = { imported, parent: name.origin };
  return snippet.map((token) => ({ ...token, origin }));
}

function readFiles(name: Token, state: ImportState): Token[] {
  const { problems, source } = state;
  const trouble = patternProblem(name.text);
  if (trouble !== null) {
    problems.error(name, `Cannot import pattern "${name.text}": ${trouble}`);
    return [];
  }
  const candidates = candidatePaths(name, state);
  if (!isPattern(name.text)) return readFile(candidates, name, state);
  for (const candidate of candidates) {
    const paths = matchFiles(candidate, source);
    if (paths.length > 0) return paths.flatMap((matched) => readFile([matched], name, state));
  }
  problems.warning(name, `No file matches import pattern "${name.text}": nothing is imported`);
  return [];
}

/** Reads the first file of `candidates` that can be read. */
function readFile(candidates: readonly string[], name: Token, state: ImportState): Token[] {
  const { problems, source } = state;
  let failure = "";
  for (const path of candidates) {
    const imported = `file ${path}`;
    if (path === name.file || isWithin(imported, name.origin)) {
      problems.error(name, `Cannot import file "${path}": it imports itself`);
      return [];
    }
    let text: string;
    try {
      text = source.readFile(path);
    } catch (error) {
      failure ||= `Cannot import "${name.text}": ${(error as Error).message}: "${path}"`;
      continue;
    }
    state.fileImportCount += 1;
    if (state.fileImportCount > FILE_IMPORTS_MAX) {
      problems.error(name, `Cannot import more than ${FILE_IMPORTS_MAX} files`);
      return [];
    }
    const origin: Origin = { imported, parent: name.origin };
    const tokens = lex(text, path, problems);
    return tokens.map((token) => ({ ...token, origin }));
  }
  problems.error(name, failure);
  return [];
}

function isWithin(imported: string, origin: Origin | null): boolean {
  for (let at = origin; at !== null; at = at.parent) {
    if (at.imported === imported) return true;
  }
  return false;
}

function candidatePaths({ file, text }: Token, state: ImportState): string[] {
  if (text.startsWith("/")) return [text];
  const isMain = file === state.file && state.directories !== null;
  const directories = isMain ? state.directories : [dirname(file)];
  return (directories ?? []).map((folder) => (folder === "." ? text : `${folder}/${text}`));
}

// One splice with spread arguments would overflow the stack on a large file.
function spliceLarge(tokens: Token[], at: number, count: number, added: readonly Token[]): void {
  const after = tokens.slice(at + count);
  tokens.length = at;
  for (const token of added) tokens.push(token);
  for (const token of after) tokens.push(token);
}
