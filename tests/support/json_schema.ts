/**
 * A validator for the part of JSON Schema (draft 2020-12) that our schemas use; a keyword that it
 * does not know fails, so that nothing is left unchecked.
 */

type Schema = Readonly<Record<string, unknown>>;
type Check = (value: unknown, expected: never, schema: Schema, path: string) => string[];

/** What does not fit, as `PATH: what`; empty when all does. */
export function schemaProblems(value: unknown, schema: Schema, path = "$"): string[] {
  return Object.entries(schema).flatMap(([keyword, expected]) => {
    const check = CHECKS[keyword];
    if (check === undefined) return [`${path}: unknown keyword "${keyword}"`];
    return check(value, expected as never, schema, path);
  });
}

const none = () => [];

const CHECKS: Readonly<Record<string, Check>> = {
  $schema: none,
  title: none,
  description: none,
  type: (value, type: string | string[], _, path) =>
    [type].flat().some((one) => typeOf(value, one)) ? [] : [`${path}: not ${type}`],
  enum: (value, words: unknown[], _, path) => (words.includes(value) ? [] : [`${path}: enum`]),
  const: (value, only: unknown, _, path) => (value === only ? [] : [`${path}: not ${only}`]),
  minimum: (value, min: number, _, path) => fits(!isNumber(value) || value >= min, path, "minimum"),
  maximum: (value, max: number, _, path) => fits(!isNumber(value) || value <= max, path, "maximum"),
  multipleOf: (value, step: number, _, path) =>
    fits(!isNumber(value) || value % step === 0, path, "multipleOf"),
  minLength: (value, min: number, _, path) =>
    fits(typeof value !== "string" || value.length >= min, path, "minLength"),
  maxLength: (value, max: number, _, path) =>
    fits(typeof value !== "string" || value.length <= max, path, "maxLength"),
  pattern: (value, pattern: string, _, path) =>
    fits(typeof value !== "string" || new RegExp(pattern, "u").test(value), path, "pattern"),
  minItems: (value, min: number, _, path) =>
    fits(!Array.isArray(value) || value.length >= min, path, "minItems"),
  maxItems: (value, max: number, _, path) =>
    fits(!Array.isArray(value) || value.length <= max, path, "maxItems"),
  items: (value, schema: Schema, _, path) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => schemaProblems(item, schema, `${path}[${index}]`))
      : [],
  prefixItems: (value, schemas: Schema[], _, path) =>
    Array.isArray(value)
      ? schemas
          .slice(0, value.length)
          .flatMap((schema, index) => schemaProblems(value[index], schema, `${path}[${index}]`))
      : [],
  properties: (value, schemas: Record<string, Schema>, _, path) =>
    Object.entries(schemas).flatMap(([key, schema]) =>
      isRecord(value) && Object.hasOwn(value, key)
        ? schemaProblems(value[key], schema, `${path}.${key}`)
        : [],
    ),
  required: (value, keys: string[], _, path) =>
    keys
      .filter((key) => isRecord(value) && !Object.hasOwn(value, key))
      .map((key) => `${path}.${key}: missing`),
  propertyNames: (value, schema: Schema, _, path) =>
    isRecord(value)
      ? Object.keys(value).flatMap((key) => schemaProblems(key, schema, `${path}.${key}`))
      : [],
  additionalProperties: (value, rest: boolean | Schema, schema, path) =>
    extraKeys(value, schema).flatMap((key) => {
      if (typeof rest === "boolean") return rest ? [] : [`${path}.${key}: unexpected`];
      return schemaProblems((value as Record<string, unknown>)[key], rest, `${path}.${key}`);
    }),
  anyOf: (value, schemas: Schema[], _, path) =>
    fits(
      schemas.some((schema) => schemaProblems(value, schema, path).length === 0),
      path,
      "anyOf",
    ),
  oneOf: (value, schemas: Schema[], _, path) =>
    fits(
      schemas.filter((schema) => schemaProblems(value, schema, path).length === 0).length === 1,
      path,
      "oneOf",
    ),
};

function typeOf(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return isRecord(value);
  return typeof value === type;
}

function fits(isGood: boolean, path: string, keyword: string): string[] {
  return isGood ? [] : [`${path}: ${keyword}`];
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function extraKeys(value: unknown, schema: Schema): string[] {
  const known = Object.keys((schema.properties as object | undefined) ?? {});
  return isRecord(value) ? Object.keys(value).filter((key) => !known.includes(key)) : [];
}
