/**
 * Licences of a Debian package as an SPDX expression, from its machine-readable copyright file. The
 * file speaks of the whole source package: the expression names more than what the image has of it.
 */

/** Short names of Debian that SPDX spells otherwise; those of the GNU family follow a pattern. */
const SPDX_NAMES: Readonly<Record<string, string>> = {
  Artistic: "Artistic-1.0-Perl",
  "BSD-2-Clause": "BSD-2-Clause",
  "BSD-2-clause": "BSD-2-Clause",
  "BSD-3-clause": "BSD-3-Clause",
  Expat: "MIT",
  "GFDL-NIV-1.3": "GFDL-1.3-no-invariants-or-later",
  ISC: "ISC",
  "MPL-2.0": "MPL-2.0",
  Zlib: "Zlib",
};
const SPDX_EXCEPTIONS: Readonly<Record<string, string>> = {
  "Linux-syscall-note": "Linux-syscall-note",
  Bison: "Bison-exception-2.2",
};
const GNU = /^(GPL|LGPL)-(\d)(?:\.(\d))?(\+?)$/;
const REFERENCE = "LicenseRef-Debian-";

/** `null` for a file that only people can read. */
export function licenceExpression(copyright: string): string | null {
  if (!/^Format: /.test(copyright)) return null;
  const lines = [...copyright.matchAll(/^License:[ \t]+(\S.*)$/gm)].map(([, text = ""]) => text);
  const terms = new Set(lines.map((line) => term(line.trim())));
  return terms.size === 0 ? null : [...terms].sort().join(" AND ");
}

/** Names in an expression that SPDX does not know: they have to be explained. */
export function licenceReferences(expression: string): string[] {
  return [...new Set(expression.match(/LicenseRef-[\w.-]+/g) ?? [])].sort();
}

/** `BSD-3-clause or GPL-2` is a choice, `A and B` is both. */
function term(line: string): string {
  const choices = line.split(/\s+or\s+/).map((choice) => {
    const both = choice.split(/\s+and\s+/).map(spdxName);
    return both.join(" AND ");
  });
  return choices.length === 1 ? choices[0]! : `(${choices.join(" OR ")})`;
}

function spdxName(name: string): string {
  const [, base = name, exception] = /^(\S+) with (\S+) exception$/.exec(name) ?? [];
  const [, family, major, minor = "0", plus] = GNU.exec(base) ?? [];
  const known =
    family === undefined
      ? (SPDX_NAMES[base] ?? REFERENCE + base.replaceAll(/[^\w.-]+/g, "-"))
      : `${family}-${major}.${minor}-${plus === "+" ? "or-later" : "only"}`;
  if (exception === undefined) return known;
  return `${known} WITH ${SPDX_EXCEPTIONS[exception] ?? REFERENCE + exception}`;
}
