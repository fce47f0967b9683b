/** Functions of expressions: facts of the query, and a few that need none. */

import { AddressRange } from "./address_range.ts";
import type { Kind, Part, Value } from "./expression.ts";
import { ExpressionError } from "./expression_tokens.ts";
import type { QueryFacts } from "./query_facts.ts";

/** Functions without arguments, by name. */
const FACTS: Readonly<Record<string, readonly [Kind, (facts: QueryFacts) => Value]>> = {
  bufsize: ["number", (facts) => facts.bufferBytes()],
  class: ["string", (facts) => facts.className()],
  client_ip: ["string", (facts) => facts.clientIp()],
  do: ["boolean", (facts) => facts.dnssecOk()],
  id: ["number", (facts) => facts.id()],
  name: ["string", (facts) => facts.name()],
  opcode: ["number", (facts) => facts.opcode()],
  port: ["string", (facts) => String(facts.clientPort())],
  proto: ["string", (facts) => facts.protocol()],
  server_ip: ["string", (facts) => facts.serverIp()],
  server_port: ["string", (facts) => String(facts.serverPort())],
  size: ["number", (facts) => facts.sizeBytes()],
  type: ["string", (facts) => facts.typeName()],
};

const OTHERS: Readonly<Record<string, (args: readonly Part[], at: number) => Part>> = {
  incidr: inCidr,
  len: (args, at) => textual("len", args, { at, kind: "number", apply: (text) => text.length }),
  lower: (args, at) =>
    textual("lower", args, { at, kind: "string", apply: (text) => text.toLowerCase() }),
  upper: (args, at) =>
    textual("upper", args, { at, kind: "string", apply: (text) => text.toUpperCase() }),
  trim: (args, at) => textual("trim", args, { at, kind: "string", apply: (text) => text.trim() }),
};

/** @throws {ExpressionError} */
export function callOf(name: string, args: readonly Part[], at: number): Part {
  if (Object.hasOwn(FACTS, name)) {
    expectCount(name, args, 0, at);
    const [kind, value] = FACTS[name];
    return { kind, at, value };
  }
  if (Object.hasOwn(OTHERS, name)) return OTHERS[name](args, at);
  if (name === "metadata") {
    throw new ExpressionError('no "metadata()", which this version does not support,', at);
  }
  const known = [...Object.keys(FACTS), ...Object.keys(OTHERS)].sort();
  const list = `${known.slice(0, -1).join(", ")} or ${known.at(-1)}`;
  throw new ExpressionError(`expected ${list}, got "${name}"`, at);
}

/** `incidr(ADDRESS, PREFIX)`. */
function inCidr(args: readonly Part[], at: number): Part {
  expectCount("incidr", args, 2, at);
  const [address, prefix] = args;
  for (const arg of args) {
    if (arg.kind !== "string") {
      throw new ExpressionError(`expected a string, got a ${arg.kind}`, arg.at);
    }
  }
  const { constant } = prefix;
  const known = typeof constant === "string" ? AddressRange.parse(constant) : null;
  if (typeof constant === "string" && known === null) {
    throw new ExpressionError(`expected a prefix such as 10.0.0.0/8, got "${constant}"`, prefix.at);
  }
  const rangeOf = (facts: QueryFacts) => known ?? AddressRange.parse(String(prefix.value(facts)));
  return {
    kind: "boolean",
    at,
    value: (facts) => rangeOf(facts)?.holds(String(address.value(facts))) ?? false,
  };
}

interface Textual {
  readonly at: number;
  readonly kind: Kind;
  readonly apply: (text: string) => Value;
}

function textual(name: string, args: readonly Part[], { at, kind, apply }: Textual): Part {
  expectCount(name, args, 1, at);
  const [arg] = args;
  if (name === "len" && arg.kind === "list") {
    return { kind, at, value: (facts) => (arg.value(facts) as readonly Value[]).length };
  }
  if (arg.kind !== "string") {
    throw new ExpressionError(`expected a string, got a ${arg.kind}`, arg.at);
  }
  return { kind, at, value: (facts) => apply(String(arg.value(facts))) };
}

function expectCount(name: string, args: readonly Part[], count: number, at: number): void {
  if (args.length === count) return;
  const wanted = count === 1 ? "1 argument" : `${count === 0 ? "no" : count} arguments`;
  throw new ExpressionError(`expected ${wanted} of ${name}(), got ${args.length}`, at);
}
