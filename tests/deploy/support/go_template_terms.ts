/** What stands between `{{` and `}}`: words, values in parentheses, pipelines. */

export type Term =
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | {
      readonly kind: "path";
      /** As `$` or `$port`; null is the dot. */
      readonly variable: string | null;
      readonly fields: readonly string[];
    }
  | { readonly kind: "call"; readonly name: string; readonly values: readonly Term[] };

const WORD = /\s*("(?:[^"\\]|\\.)*"|[()|]|[^\s()|"]+)/y;

/** @throws {Error} on what this does not know. */
export function parseAction(text: string): Term {
  const words: string[] = [];
  WORD.lastIndex = 0;
  for (let end = 0; text.slice(end).trim() !== ""; end = WORD.lastIndex) {
    const word = WORD.exec(text)?.[1];
    if (word === undefined) throw new Error(`Cannot read the action ${text}`);
    words.push(word);
  }
  const term = pipeline(words);
  if (words.length > 0) throw new Error(`Cannot read the action ${text}: ${words[0]}`);
  return term;
}

/** What stands before `|` is the last value of what stands behind it. */
function pipeline(words: string[]): Term {
  let term = command(words, null);
  while (words[0] === "|") {
    words.shift();
    term = command(words, term);
  }
  return term;
}

function command(words: string[], piped: Term | null): Term {
  const [first = ""] = words;
  const isCall = /^[a-z]\w*$/i.test(first) && first !== "true" && first !== "false";
  if (!isCall) {
    if (piped !== null) throw new Error(`Cannot pipe into ${first}`);
    return operand(words);
  }
  words.shift();
  const values: Term[] = [];
  while (words.length > 0 && words[0] !== "|" && words[0] !== ")") values.push(operand(words));
  if (piped !== null) values.push(piped);
  return { kind: "call", name: first, values };
}

function operand(words: string[]): Term {
  const word = words.shift() ?? "";
  if (word === "(") {
    const term = pipeline(words);
    if (words.shift() !== ")") throw new Error("A parenthesis is not closed");
    return term;
  }
  if (word.startsWith('"')) return { kind: "literal", value: JSON.parse(word) as string };
  if (/^-?\d+$/.test(word)) return { kind: "literal", value: Number(word) };
  if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
  const [, variable, fields] = /^(\$\w*)?((?:\.\w*)*)$/.exec(word) ?? [];
  if (fields === undefined || word === "") throw new Error(`Cannot read the value ${word}`);
  const names = fields.split(".").filter((name) => name !== "");
  return { kind: "path", variable: variable ?? null, fields: names };
}
