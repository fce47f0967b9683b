/** Zone names as the configuration writes them: checked, lower-case, with the final dot. */

import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from "./limits.ts";

/** A zone, or why there is none; `problem` completes "Cannot read zone ...: ". */
export type ZoneResult =
  | { readonly zone: string; readonly problem: null }
  | { readonly zone: null; readonly problem: string };

const encoder = new TextEncoder();

/**
 * Normalises the presentation of a zone: `Example.ORG` is `example.org.`, an empty text is not a
 * zone. Escapes (`\.` and `\DDD`, RFC 1035 §5.1) are kept as written; ASCII alone is folded
 * (RFC 4343 §3).
 */
export function normalizeZone(text: string): ZoneResult {
  if (text === ".") return { zone: ".", problem: null };
  if (text === "") return failed("expected a domain name");
  const strange = /[\s"{}[\](),;<>|]/u.exec(text);
  if (strange !== null) return failed(strangeCharacter(strange[0]));
  const labels = splitLabels(text);
  if (labels === null) return failed("expected '\\' before a character or three digits up to 255");
  if (labels.at(-1) === 0) labels.pop();
  if (labels.includes(0)) return failed("expected no empty label");
  const longest = Math.max(...labels);
  if (longest > LABEL_BYTES_MAX) {
    return failed(`expected labels of at most ${LABEL_BYTES_MAX} bytes, got ${longest}`);
  }
  const nameBytes = labels.reduce((sum, length) => sum + 1 + length, 1);
  if (nameBytes > NAME_BYTES_MAX) {
    return failed(`expected at most ${NAME_BYTES_MAX} bytes, got ${nameBytes}`);
  }
  const folded = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return { zone: /(?:^|[^\\])(?:\\\\)*\.$/.test(folded) ? folded : `${folded}.`, problem: null };
}

/** Whether `name` is `zone` or below it; both normalised. */
export function isWithinZone(name: string, zone: string): boolean {
  if (zone === "." || name === zone) return true;
  return (
    name.endsWith(`.${zone}`) && !/(?:^|[^\\])(?:\\\\)*\\$/.test(name.slice(0, -zone.length - 1))
  );
}

function failed(problem: string): ZoneResult {
  return { zone: null, problem };
}

function strangeCharacter(character: string): string {
  if (character === ",") return "expected a space after ','";
  if (character === "{" || character === "}") return `expected a space before '${character}'`;
  return `unexpected '${character}'`;
}

/** Length in bytes of each label, a last 0 for the root; `null` for a broken escape. */
function splitLabels(text: string): number[] | null {
  const lengths = [0];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === ".") {
      lengths.push(0);
      continue;
    }
    let unit = text[at];
    if (unit === "\\") {
      const digits = /^[0-9]{1,3}/.exec(text.slice(at + 1, at + 4))?.[0] ?? "";
      if (at + 1 >= text.length) return null;
      if (digits !== "" && (digits.length < 3 || Number(digits) > 255)) return null;
      at += digits === "" ? 1 : 3;
      unit = "x";
    }
    if (text.charCodeAt(at) >= 0xd800 && text.charCodeAt(at) <= 0xdbff) unit += text[++at] ?? "";
    lengths[lengths.length - 1] += encoder.encode(unit).length;
  }
  return lengths;
}
