/** The words of a Go template: text outside `{{ }}`, and tokens inside. See go_template.ts. */

/** A template cannot be read; `offset` is the place in its source. */
export class TemplateSyntaxError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "TemplateSyntaxError";
    this.offset = offset;
  }
}

export interface ActionToken {
  /**
   * word: a name; field: `.Name`, text without the dot; variable: `$name`, text without the `$`;
   * end: where the action ends.
   */
  readonly kind: "word" | "field" | "variable" | "dot" | "literal" | "sign" | "end";
  readonly text: string;
  readonly value: string | number;
  readonly offset: number;
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)/y;
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

export class ActionLexer {
  readonly #source: string;
  #at = 0;
  /** The last action ended in `-}}`. */
  #trimsNext = false;
  #peeked: ActionToken | null = null;

  constructor(source: string) {
    this.#source = source;
  }

  /** The text up to the next action, or to the end. */
  text(): string {
    let text = "";
    for (;;) {
      const open = this.#source.indexOf("{{", this.#at);
      const end = open < 0 ? this.#source.length : open;
      let piece = this.#source.slice(this.#at, end);
      if (this.#trimsNext) piece = piece.trimStart();
      const trims = open >= 0 && /^-\s/.test(this.#source.slice(open + 2, open + 4));
      text += trims ? piece.trimEnd() : piece;
      this.#trimsNext = false;
      this.#at = end;
      if (open < 0 || !this.#skipComment(trims ? open + 3 : open + 2)) return text;
    }
  }

  /** Goes behind `{{`. @returns false at the end of the text. */
  open(): boolean {
    if (this.#at >= this.#source.length) return false;
    this.#at += 2;
    if (/^-\s/.test(this.#source.slice(this.#at, this.#at + 2))) this.#at += 1;
    return true;
  }

  /** Takes the end of an action. @throws {TemplateSyntaxError} when something else comes. */
  close(): void {
    const token = this.next();
    if (token.kind !== "end") {
      throw new TemplateSyntaxError(`expected }}, got "${token.text}"`, token.offset);
    }
    this.#trimsNext = token.text.startsWith("-");
    this.#at = token.offset + token.text.length;
  }

  peek(): ActionToken {
    this.#peeked ??= this.#read();
    return this.#peeked;
  }

  next(): ActionToken {
    const token = this.peek();
    this.#peeked = null;
    return token;
  }

  /** A field right behind what was taken last, without a space; null when there is none. */
  takeAttachedField(): ActionToken | null {
    if (this.#peeked !== null || this.#source[this.#at] !== ".") return null;
    if (this.#match(NAME, this.#at + 1) === "") return null;
    return this.next();
  }

  /** Whether field `name` is attached to the token that comes next. */
  isFollowedBy(name: string): boolean {
    return this.#source.startsWith(`.${name}`, this.#at) && this.#peeked !== null;
  }

  /** Takes `$a :=`, `$a, $b :=` or `$a =`; null when there is none of it. */
  takeDeclaration(): { names: string[]; isNew: boolean } | null {
    const start = this.#peeked?.offset ?? this.#at;
    const declaration = /\s*\$(\w+)(?:\s*,\s*\$(\w+))?\s*(:?=)/y;
    declaration.lastIndex = start;
    const match = declaration.exec(this.#source);
    if (match === null) return null;
    this.#peeked = null;
    this.#at = start + match[0].length;
    const names = [match[1]!, match[2]].filter((name) => name !== undefined);
    return { names, isNew: match[3] === ":=" };
  }

  /** @returns whether a comment action stood there, which is then behind us. */
  #skipComment(start: number): boolean {
    const comment = /\s*\/\*.*?\*\/(\s-)?\}\}/sy;
    comment.lastIndex = start;
    const match = comment.exec(this.#source);
    if (match === null) return false;
    this.#at = start + match[0].length;
    this.#trimsNext = match[1] !== undefined;
    return true;
  }

  #read(): ActionToken {
    const before = this.#at;
    while (/\s/.test(this.#source[this.#at] ?? "")) this.#at += 1;
    const offset = this.#at;
    const source = this.#source;
    if (offset >= source.length) throw new TemplateSyntaxError("an action has no }}", before);
    if (source.startsWith("}}", offset)) return { kind: "end", text: "}}", value: "", offset };
    if (source.startsWith("-}}", offset) && offset > before) {
      return { kind: "end", text: "-}}", value: "", offset };
    }
    const character = source[offset]!;
    if (character === '"' || character === "`" || character === "'") return this.#quoted(character);
    const number = this.#match(NUMBER, offset);
    if (number !== "") return this.#number(number);
    const marked = character === "." || character === "$";
    const name = this.#match(NAME, marked ? offset + 1 : offset);
    this.#at = offset + (marked ? 1 : 0) + name.length;
    if (character === "$") return { kind: "variable", text: name, value: "", offset };
    if (character === ".") {
      return {
        kind: name === "" ? "dot" : "field",
        text: name === "" ? "." : name,
        value: "",
        offset,
      };
    }
    if (name !== "") return { kind: "word", text: name, value: "", offset };
    if (!"|()".includes(character)) {
      throw new TemplateSyntaxError(`unexpected "${character}"`, offset);
    }
    this.#at = offset + 1;
    return { kind: "sign", text: character, value: "", offset };
  }

  #number(text: string): ActionToken {
    const offset = this.#at;
    this.#at += text.length;
    const next = this.#source[this.#at] ?? "";
    const sign = text.startsWith("-") ? -1 : 1;
    const digits = text.replace(/^[-+]/, "");
    const value = sign * Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
    if (/[A-Za-z0-9_.]/.test(next) || !Number.isSafeInteger(value)) {
      throw new TemplateSyntaxError(`expected a whole number, got "${text}${next}"`, offset);
    }
    return { kind: "literal", text, value, offset };
  }

  /** A string in Go's double or back quotes, or a character, which is a number. */
  #quoted(quote: string): ActionToken {
    const offset = this.#at;
    let value = "";
    let at = offset + 1;
    while (this.#source[at] !== quote) {
      const character = this.#source[at];
      if (character === undefined || (character === "\n" && quote !== "`")) {
        throw new TemplateSyntaxError(`expected a closing ${quote}`, offset);
      }
      if (character === "\\" && quote !== "`") {
        const [text, length] = this.#escape(at);
        value += text;
        at += length;
      } else {
        value += character;
        at += 1;
      }
    }
    this.#at = at + 1;
    const text = this.#source.slice(offset, this.#at);
    if (quote !== "'") return { kind: "literal", text, value, offset };
    if ([...value].length !== 1) {
      throw new TemplateSyntaxError(`expected one character in quotes, got ${text}`, offset);
    }
    return { kind: "literal", text, value: value.codePointAt(0)!, offset };
  }

  #escape(at: number): [text: string, length: number] {
    const simple = ESCAPES[this.#source[at + 1] ?? ""];
    if (simple !== undefined) return [simple, 2];
    const code = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-3][0-7]{2}))/y;
    code.lastIndex = at;
    const match = code.exec(this.#source);
    if (match === null) throw new TemplateSyntaxError("expected an escape of Go, such as \\n", at);
    const number =
      match[3] === undefined
        ? Number.parseInt((match[1] ?? match[2])!, 16)
        : Number.parseInt(match[3], 8);
    return [String.fromCharCode(number), match[0].length];
  }

  #match(pattern: RegExp, at: number): string {
    pattern.lastIndex = at;
    return pattern.exec(this.#source)?.[0] ?? "";
  }
}
