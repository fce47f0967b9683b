/** The functions of templates, and Go's ways of writing values. See go_template_run.ts. */

import type { TemplateValue } from "./go_template_run.ts";

/** A template does not fit the data of a query. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TemplateError";
  }
}

const INT_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Calls any function of TEMPLATE_FUNCTIONS but `and`, `or` and `not`. @throws {TemplateError} */
export function callFunction(name: string, args: readonly TemplateValue[]): TemplateValue {
  switch (name) {
    case "eq":
      return args.slice(1).some((arg) => isEqual(args[0]!, arg));
    case "ne":
      return !isEqual(args[0]!, args[1]!);
    case "lt":
      return isLess(args[0]!, args[1]!);
    case "le":
      return !isLess(args[1]!, args[0]!);
    case "gt":
      return isLess(args[1]!, args[0]!);
    case "ge":
      return !isLess(args[0]!, args[1]!);
    case "len":
      return lengthOf(args[0]!);
    case "index":
      return args.slice(1).reduce(itemOf, args[0]!);
    case "slice":
      return sliceOf(args[0]!, args[1] ?? 0, args[2] ?? lengthOf(args[0]!));
    case "print":
      return print(args);
    case "println":
      return `${args.map(formatValue).join(" ")}\n`;
    case "printf":
      return printf(args);
    case "parseInt":
      return parseUint(args[0]!, args[1]!, args[2]!);
    case "Meta":
      // Nothing provides metadata, which in CoreDNS gives the empty text.
      return "";
    default:
      throw new TemplateError(`there is no function ${name}`);
  }
}

/** As Go prints a value. */
export function formatValue(value: TemplateValue): string {
  if (value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(formatValue).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${formatValue(item)}`).join(" ")}]`;
}

function isEqual(one: TemplateValue, other: TemplateValue): boolean {
  const isPlain = typeof one !== "object" && typeof other !== "object";
  if (one === null || other === null) return one === other;
  if (isPlain && typeof one === typeof other) return one === other;
  throw new TemplateError(`cannot compare ${formatValue(one)} with ${formatValue(other)}`);
}

function isLess(one: TemplateValue, other: TemplateValue): boolean {
  if (typeof one === "number" && typeof other === "number") return one < other;
  if (typeof one === "string" && typeof other === "string") return one < other;
  throw new TemplateError(`cannot order ${formatValue(one)} and ${formatValue(other)}`);
}

function lengthOf(value: TemplateValue): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (value !== null && typeof value === "object") return Object.keys(value).length;
  throw new TemplateError(`${formatValue(value)} has no length`);
}

function itemOf(value: TemplateValue, key: TemplateValue): TemplateValue {
  if (Array.isArray(value) || typeof value === "string") {
    const length = value.length;
    if (typeof key !== "number" || key < 0 || key >= length) {
      throw new TemplateError(`index ${formatValue(key)} is not below ${length}`);
    }
    return typeof value === "string" ? value.charCodeAt(key) : (value as TemplateValue[])[key]!;
  }
  if (value === null || typeof value !== "object" || typeof key !== "string") {
    throw new TemplateError(`there is no index ${formatValue(key)} in ${formatValue(value)}`);
  }
  const fields = value as { readonly [field: string]: TemplateValue };
  // What a map of texts does not have is the empty text.
  return Object.hasOwn(fields, key) ? fields[key]! : "";
}

function sliceOf(value: TemplateValue, from: TemplateValue, to: TemplateValue): TemplateValue {
  const isSliceable = typeof value === "string" || Array.isArray(value);
  if (!isSliceable || typeof from !== "number" || typeof to !== "number") {
    throw new TemplateError(`cannot slice ${formatValue(value)}`);
  }
  const { length } = value as { readonly length: number };
  if (from < 0 || to < from || to > length) {
    throw new TemplateError(`slice ${from} ${to} is not within ${length}`);
  }
  return value.slice(from, to);
}

/** Spaces between values of which neither is a text. */
function print(args: readonly TemplateValue[]): string {
  return args.reduce((text: string, arg, index) => {
    const before = args[index - 1];
    const spaced = index > 0 && typeof before !== "string" && typeof arg !== "string";
    return text + (spaced ? " " : "") + formatValue(arg);
  }, "");
}

function printf(args: readonly TemplateValue[]): string {
  const [format, ...values] = args;
  if (typeof format !== "string") throw new TemplateError("printf: expected a format");
  let next = 0;
  const text = format.replaceAll(
    /%([-+# 0]*)([0-9]{0,3})(?:\.([0-9]{0,3}))?(.)/gs,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const body = formatVerb(verb, values[next++]!, flags, precision);
      return pad(body, flags, Number(width), verb);
    },
  );
  const extra = values.slice(next).map((value) => `${typeName(value)}=${formatValue(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

function formatVerb(
  verb: string,
  value: TemplateValue,
  flags: string,
  precision: string | undefined,
): string {
  const bases: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };
  if (typeof value === "number" && Object.hasOwn(bases, verb)) {
    const digits = Math.abs(value)
      .toString(bases[verb])
      .padStart(Number(precision ?? 0), "0");
    const sign = value < 0 ? "-" : flags.includes("+") ? "+" : "";
    const prefix = !flags.includes("#") ? "" : verb === "x" ? "0x" : verb === "X" ? "0X" : "";
    return `${sign}${prefix}${verb === "X" ? digits.toUpperCase() : digits}`;
  }
  if (typeof value === "number" && verb === "c") return String.fromCodePoint(value);
  if (typeof value === "string" && (verb === "x" || verb === "X")) {
    const bytes = new TextEncoder().encode(value);
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return verb === "X" ? digits.toUpperCase() : digits;
  }
  if (typeof value === "string" && verb === "q") return JSON.stringify(value);
  if (typeof value === "boolean" && verb === "t") return String(value);
  const isText = verb === "v" || (verb === "s" && typeof value !== "number" && value !== null);
  if (isText && typeof value !== "boolean") {
    const text = formatValue(value);
    return precision === undefined ? text : text.slice(0, Number(precision));
  }
  if (verb === "v") return formatValue(value);
  return `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

function pad(text: string, flags: string, width: number, verb: string): string {
  if (flags.includes("-")) return text.padEnd(width);
  if (!flags.includes("0") || verb === "s" || verb === "v") {
    return flags.includes("0") ? text.padStart(width, "0") : text.padStart(width);
  }
  const sign = /^[-+]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}

function typeName(value: TemplateValue): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]string";
  if (typeof value === "number") return "int";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "map[string]string";
}

/** Go's ParseUint: base 2 to 36, or 0 for 0x, 0o and 0b; the value below 2^bits. */
function parseUint(text: TemplateValue, base: TemplateValue, bits: TemplateValue): number {
  if (typeof text !== "string" || typeof base !== "number" || typeof bits !== "number") {
    throw new TemplateError("parseInt: expected a text, a base and a number of bits");
  }
  let digits = text.toLowerCase();
  let radix = base;
  if (base === 0) {
    const prefix = /^0[xob]/.exec(digits)?.[0];
    radix =
      prefix === undefined
        ? /^0./.test(digits)
          ? 8
          : 10
        : { "0x": 16, "0o": 8, "0b": 2 }[prefix]!;
    digits = digits.slice(prefix?.length ?? 0);
  }
  if (radix < 2 || radix > 36) throw new TemplateError(`parseInt: there is no base ${base}`);
  const known = INT_DIGITS.slice(0, radix);
  const isNumber = digits !== "" && [...digits].every((digit) => known.includes(digit));
  if (!isNumber) throw new TemplateError(`parseInt: "${text}" is no number of base ${base}`);
  const value = Number.parseInt(digits, radix);
  const limit = 2 ** Math.min(bits === 0 ? 64 : bits, 53);
  if (value >= limit) throw new TemplateError(`parseInt: ${text} takes more than ${bits} bits`);
  return value;
}
