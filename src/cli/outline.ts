/** Plain values as an indented text that is YAML, too: strings are quoted, small things short. */

const INDENT = "  ";
const SHORT_LENGTH_MAX = 72;

/** `value` is what JSON can hold. */
export function outlineOf(value: unknown): string {
  return render(value, 0);
}

function render(value: unknown, depth: number): string {
  if (isShort(value)) return short(value);
  const indent = INDENT.repeat(depth);
  if (Array.isArray(value)) {
    const items = value.map((item) => `${indent}- ${render(item, depth + 1).trimStart()}`);
    return items.join("\n");
  }
  const lines = fieldsOf(value).map(([key, field]) => {
    if (isShort(field)) return `${indent}${key}: ${short(field)}`;
    return `${indent}${key}:\n${render(field, depth + 1)}`;
  });
  return lines.join("\n");
}

/** What stands on one line: a scalar, a short list of those, a short record of all these. */
function isShort(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const parts = Array.isArray(value) ? value : fieldsOf(value).map(([, field]) => field);
  const areScalars = parts.every((part) => typeof part !== "object" || part === null);
  return parts.length === 0 || (areScalars && short(value).length <= SHORT_LENGTH_MAX);
}

function short(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(short).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = fieldsOf(value).map(([key, field]) => `${key}: ${short(field)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

function fieldsOf(value: unknown): [string, unknown][] {
  const fields = Object.entries(value as Record<string, unknown>);
  return fields.filter(([, field]) => field !== undefined);
}
