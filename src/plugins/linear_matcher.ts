/**
 * Matches a parsed regular expression in time linear in the length of the text, whatever the
 * pattern: a backtracking matcher that never comes to the same place of the program with the same
 * place of the text twice, as Go's own does for patterns of this size.
 *
 *   pattern ─ compile ─ program: character │ split │ save │ anchor │ match
 *
 * The runtime's engine tries such pairs again, which for `(a+)+b` or `.*.*.*b` is more time than
 * anybody has; and who sends queries chooses the text.
 */

import { RegexpError, type RegexpNode } from "./go_regexp_syntax.ts";

/** Instructions of a program; Go refuses patterns that come to many more, too. */
const PROGRAM_LENGTH_MAX = 20_000;
const ASCII_COUNT = 128;

type Instruction =
  | { readonly op: "character"; readonly set: CharacterSet }
  | { readonly op: "anchor"; readonly anchor: string }
  | { readonly op: "save"; readonly slot: number }
  /** Goes on at the first and, if that comes to nothing, at the second. */
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; target: number }
  | { readonly op: "match" };

/** A place still to be tried; or, with `slot`, what a slot held before it was tried. */
interface Job {
  readonly at: number;
  readonly position: number;
  readonly slot: number;
}

const NO_SLOT = -1;

export class LinearMatcher {
  readonly #program: readonly Instruction[];
  readonly #slotCount: number;
  #visited = new Uint8Array(0);

  /** @throws {RegexpError} when the program would be too long. */
  constructor(node: RegexpNode, groupCount: number) {
    const compiler = new Compiler();
    compiler.add({ kind: "group", number: 0, node });
    compiler.emit({ op: "match" });
    this.#program = compiler.program;
    this.#slotCount = (groupCount + 1) * 2;
  }

  /** As `GoRegexp.match`. */
  match(text: string): string[] | null {
    const size = this.#program.length * (text.length + 1);
    if (this.#visited.length < size) this.#visited = new Uint8Array(size);
    else this.#visited.fill(0, 0, size);
    for (let start = 0; start <= text.length; start++) {
      // A place visited from an earlier start came to nothing; it does not from here.
      const slots = this.#matchAt(text, start);
      if (slots !== null) return groupsOf(text, slots);
    }
    return null;
  }

  #matchAt(text: string, start: number): Int32Array | null {
    const program = this.#program;
    const slots = new Int32Array(this.#slotCount).fill(-1);
    const jobs: Job[] = [{ at: 0, position: start, slot: NO_SLOT }];
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      if (job.slot !== NO_SLOT) {
        slots[job.slot] = job.position;
        continue;
      }
      let { at, position } = job;
      while (this.#isNew(at, position, text)) {
        const instruction = program[at]!;
        at += 1;
        if (instruction.op === "match") return slots;
        if (instruction.op === "jump") {
          at = instruction.target;
        } else if (instruction.op === "split") {
          jobs.push({ at: instruction.second, position, slot: NO_SLOT });
          at = instruction.first;
        } else if (instruction.op === "save") {
          jobs.push({ at, position: slots[instruction.slot]!, slot: instruction.slot });
          slots[instruction.slot] = position;
        } else if (instruction.op === "anchor") {
          if (!holds(instruction.anchor, text, position)) break;
        } else {
          const code = text.codePointAt(position);
          if (code === undefined || !instruction.set.has(code)) break;
          position += code > 0xffff ? 2 : 1;
        }
      }
    }
    return null;
  }

  #isNew(at: number, position: number, text: string): boolean {
    const index = at * (text.length + 1) + position;
    if (this.#visited[index] === 1) return false;
    this.#visited[index] = 1;
    return true;
  }
}

/** Which characters a JavaScript pattern for one of them takes. */
class CharacterSet {
  readonly #isAscii = new Uint8Array(ASCII_COUNT);
  readonly #regexp: RegExp;

  constructor(source: string) {
    this.#regexp = new RegExp(`^${source}$`, "u");
    for (let code = 0; code < ASCII_COUNT; code++) {
      this.#isAscii[code] = this.#regexp.test(String.fromCharCode(code)) ? 1 : 0;
    }
  }

  has(code: number): boolean {
    if (code < ASCII_COUNT) return this.#isAscii[code] === 1;
    return this.#regexp.test(String.fromCodePoint(code));
  }
}

class Compiler {
  readonly program: Instruction[] = [];
  readonly #sets = new Map<string, CharacterSet>();

  emit<Kind extends Instruction>(instruction: Kind): Kind {
    if (this.program.length >= PROGRAM_LENGTH_MAX) {
      throw new RegexpError(
        "expected a pattern that comes to less: counts multiply what they count",
      );
    }
    this.program.push(instruction);
    return instruction;
  }

  add(node: RegexpNode): void {
    switch (node.kind) {
      case "character":
        this.emit({ op: "character", set: this.#setOf(node.source) });
        break;
      case "anchor":
        this.emit({ op: "anchor", anchor: node.anchor });
        break;
      case "sequence":
        for (const child of node.nodes) this.add(child);
        break;
      case "choice":
        this.#choice(node.nodes);
        break;
      case "group":
        this.emit({ op: "save", slot: node.number * 2 });
        this.add(node.node);
        this.emit({ op: "save", slot: node.number * 2 + 1 });
        break;
      case "repeat":
        this.#repeat(node.node, node.min, node.max, node.isLazy);
    }
  }

  #choice(nodes: readonly RegexpNode[]): void {
    const jumps = nodes.map((child, index) => {
      const isLast = index === nodes.length - 1;
      const split = isLast ? null : this.emit({ op: "split", first: 0, second: 0 });
      if (split !== null) split.first = this.program.length;
      this.add(child);
      const jump = isLast ? null : this.emit({ op: "jump", target: 0 });
      if (split !== null) split.second = this.program.length;
      return jump;
    });
    for (const jump of jumps) if (jump !== null) jump.target = this.program.length;
  }

  #repeat(node: RegexpNode, min: number, max: number, isLazy: boolean): void {
    if (max === Number.POSITIVE_INFINITY) {
      // As Go does: a body that may be empty is entered once before it is asked whether again.
      if (min === 0 && isNullable(node)) this.#optional(isLazy, () => this.#plus(node, isLazy));
      else if (min === 0) this.#star(node, isLazy);
      else {
        for (let count = 1; count < min; count++) this.add(node);
        this.#plus(node, isLazy);
      }
      return;
    }
    for (let count = 0; count < min; count++) this.add(node);
    // Each is inside of the one before: `(x(x(x)?)?)?`.
    const splits = [];
    for (let count = min; count < max; count++) {
      splits.push(this.#split());
      this.add(node);
    }
    for (const split of splits) this.#aim(split, split + 1, this.program.length, isLazy);
  }

  #plus(node: RegexpNode, isLazy: boolean): void {
    const start = this.program.length;
    this.add(node);
    const split = this.#split();
    this.#aim(split, start, split + 1, isLazy);
  }

  #star(node: RegexpNode, isLazy: boolean): void {
    const split = this.#split();
    this.add(node);
    this.emit({ op: "jump", target: split });
    this.#aim(split, split + 1, this.program.length, isLazy);
  }

  #optional(isLazy: boolean, addBody: () => void): void {
    const split = this.#split();
    addBody();
    this.#aim(split, split + 1, this.program.length, isLazy);
  }

  /** @returns where the split stands, to be aimed later. */
  #split(): number {
    this.emit({ op: "split", first: 0, second: 0 });
    return this.program.length - 1;
  }

  #aim(split: number, inside: number, outside: number, isLazy: boolean): void {
    const [first, second] = isLazy ? [outside, inside] : [inside, outside];
    this.program[split] = { op: "split", first, second };
  }

  #setOf(source: string): CharacterSet {
    const known = this.#sets.get(source) ?? new CharacterSet(source);
    this.#sets.set(source, known);
    return known;
  }
}

/** Whether `node` can match nothing. */
export function isNullable(node: RegexpNode): boolean {
  switch (node.kind) {
    case "character":
      return false;
    case "anchor":
      return true;
    case "sequence":
      return node.nodes.every(isNullable);
    case "choice":
      return node.nodes.some(isNullable);
    case "group":
      return isNullable(node.node);
    case "repeat":
      return node.min === 0 || isNullable(node.node);
  }
}

function holds(anchor: string, text: string, position: number): boolean {
  switch (anchor) {
    case "textStart":
      return position === 0;
    case "textEnd":
      return position === text.length;
    case "lineStart":
      return position === 0 || text[position - 1] === "\n";
    case "lineEnd":
      return position === text.length || text[position] === "\n";
    default: {
      const isBoundary = isWordAt(text, position - 1) !== isWordAt(text, position);
      return isBoundary === (anchor === "word");
    }
  }
}

function isWordAt(text: string, position: number): boolean {
  return /\w/.test(text[position] ?? "");
}

function groupsOf(text: string, slots: Int32Array): string[] {
  const groups: string[] = [];
  for (let slot = 0; slot < slots.length; slot += 2) {
    const start = slots[slot]!;
    const end = slots[slot + 1]!;
    groups.push(start < 0 || end < 0 ? "" : text.slice(start, end));
  }
  return groups;
}
