/** What a file that begins with `// Hot path.` must not do in the code that runs per query. */

import type { Node } from "acorn";
import { lineOf, type Source, walk } from "./source.ts";

/** What the rules forbid: node type → what to say. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  TryStatement: "try",
  NewExpression: "new",
  ArrowFunctionExpression: "a closure",
  FunctionExpression: "a closure",
  TemplateLiteral: "a template string",
  ForOfStatement: "for…of",
  ForInStatement: "for…in",
  SpreadElement: "spread",
  RestElement: "rest",
  // Names for an object's fields (`const { bytes } = io`) are plain loads; this walks an iterator.
  ArrayPattern: "array destructuring",
  ObjectExpression: "an object literal",
  ArrayExpression: "an array literal",
  AwaitExpression: "await",
  YieldExpression: "yield",
  RegExpLiteral: "a regular expression",
  ClassDeclaration: "a class",
};

/**
 * Only functions are looked at: constructors and module scope run once. A function whose comment
 * says `Cold:` and why is left out, as is what a `throw` builds: it ends the process.
 */
export function hotPath(source: Source): string[] {
  if (!source.isHot || source.isTest) return [];
  const problems: string[] = [];
  walk(source.program, (node, ancestors) => {
    const what = isRegularExpression(node) ? FORBIDDEN.RegExpLiteral : FORBIDDEN[node.type];
    if (what === undefined) return;
    if (isMethodBody(node, ancestors)) return;
    if (ancestors.some((outer) => outer.type === "ThrowStatement")) return;
    const holder = hotHolder(source, ancestors);
    if (holder !== null) problems.push(`${source.path}:${lineOf(node)}: ${what} in ${holder}`);
  });
  return problems;
}

/** Name of the function around a node, null when that is a constructor, cold or none. */
function hotHolder(source: Source, ancestors: readonly Node[]): string | null {
  let name: string | null = null;
  for (const [index, node] of ancestors.entries()) {
    if (node.type === "MethodDefinition") {
      if ((node as Node & { kind: string }).kind === "constructor") return null;
      if (isCold(source, node)) return null;
      name = keyName(node);
    } else if (node.type === "FunctionDeclaration") {
      const outer = ancestors[index - 1];
      if (isCold(source, outer?.type === "ExportNamedDeclaration" ? outer : node)) return null;
      name ??= (node as Node & { id?: { name: string } }).id?.name ?? "a function";
    } else if (/Function/.test(node.type)) {
      name ??= "a function";
    }
  }
  return name;
}

function isCold(source: Source, node: Node): boolean {
  const comment = /(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/|(?:\/\/[^\n]*\n\s*)+)\s*$/.exec(
    source.text.slice(0, node.start),
  );
  return comment !== null && /\bCold: \S/.test(comment[0]);
}

function isMethodBody(node: Node, ancestors: readonly Node[]): boolean {
  return node.type === "FunctionExpression" && ancestors.at(-1)?.type === "MethodDefinition";
}

function isRegularExpression(node: Node): boolean {
  return node.type === "Literal" && "regex" in node;
}

function keyName(node: Node): string {
  return (node as Node & { key: { name?: string } }).key.name ?? "a method";
}
