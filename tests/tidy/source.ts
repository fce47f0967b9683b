/** One TypeScript file as the house rules see it. */

import { stripTypeScriptTypes } from "node:module";
import { type Node, type Program, parse } from "acorn";

/** An import or re-export, types left out: what the program loads. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

export class Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  #program: Program | null = null;
  #code: string | null = null;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  get lines(): readonly string[] {
    return this.text.replace(/\n$/, "").split("\n");
  }

  get isTest(): boolean {
    return this.path.endsWith("_test.ts") || this.path.startsWith("tests/");
  }

  /** `// Hot path.` stands before the module header. */
  get isHot(): boolean {
    return this.text.startsWith("// Hot path.");
  }

  /** The syntax tree of what runs; lines and columns are those of the file. */
  get program(): Program {
    try {
      this.#program ??= parse(this.code, {
        ecmaVersion: "latest",
        sourceType: "module",
        locations: true,
      });
    } catch (error) {
      throw new Error(`Cannot read ${this.path} as a program`, { cause: error });
    }
    return this.#program;
  }

  /** The text with every type blanked out. */
  get code(): string {
    this.#code ??= stripTypeScriptTypes(this.text);
    return this.#code;
  }

  /** The modules that are loaded when this one is; `import type` is not among them. */
  get imports(): readonly Import[] {
    const found: Import[] = [];
    for (const node of this.program.body) {
      const loads =
        node.type === "ImportDeclaration" ||
        node.type === "ExportNamedDeclaration" ||
        node.type === "ExportAllDeclaration";
      if (!loads || typeof node.source?.value !== "string") continue;
      // `import { type A } from "./a.ts"` loads a.ts no more than `import type` does.
      const names = node.type === "ExportAllDeclaration" ? null : node.specifiers;
      const onlyTypes = names?.length === 0 && /{/.test(this.lines[lineOf(node) - 1] ?? "");
      if (!onlyTypes) found.push({ specifier: node.source.value, line: lineOf(node) });
    }
    return found;
  }

  /** What `import()` loads later, where it says so by a text. */
  get lateImports(): readonly Import[] {
    const found: Import[] = [];
    walk(this.program, (node) => {
      if (node.type !== "ImportExpression") return;
      const { value } = (node as Node & { source: Node & { value?: unknown } }).source;
      if (typeof value === "string") found.push({ specifier: value, line: lineOf(node) });
    });
    return found;
  }

  /** Types too: every module that is named. */
  get mentions(): readonly Import[] {
    const found = [...this.lateImports];
    const pattern = /^(?:import|export|\})[^;"']*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gm;
    for (const match of this.text.matchAll(pattern)) {
      const line = this.text.slice(0, match.index).split("\n").length;
      found.push({ specifier: match[1] ?? match[2] ?? "", line });
    }
    return found;
  }
}

export function lineOf(node: Node): number {
  return node.loc?.start.line ?? 0;
}

/** Calls `visit` for `node` and all in it, outer ones first, with the way that leads there. */
export function walk(
  node: Node,
  visit: (node: Node, ancestors: readonly Node[]) => void,
  ancestors: readonly Node[] = [],
): void {
  visit(node, ancestors);
  const inner = [...ancestors, node];
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, visit, inner);
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "loc" in value;
}
