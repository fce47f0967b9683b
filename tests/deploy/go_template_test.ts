/** The renderer that stands in for Helm does what Go's templates do, as far as it does anything. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GoTemplates } from "./support/go_template.ts";

const FUNCTIONS = {
  upper: ([text]: readonly unknown[]) => String(text).toUpperCase(),
  join: ([separator, list]: readonly unknown[]) => (list as unknown[]).join(String(separator)),
  list: (values: readonly unknown[]) => values,
};

function render(text: string, dot: unknown = {}): string {
  const templates = new GoTemplates(FUNCTIONS);
  templates.add("a", text);
  return templates.render("a", dot);
}

const CASES: readonly (readonly [text: string, dot: unknown, wanted: string])[] = [
  ["a {{ .b }} c", { b: 1 }, "a 1 c"],
  ["a\n  {{- .b }}\n", { b: "x" }, "ax\n"],
  ["a {{ .b -}}  \n c", { b: "x" }, "a xc"],
  ["{{/* no */}}a{{- /* nor this */ -}}  b", {}, "ab"],
  ["{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}", { a: 0, b: "x" }, "2"],
  ["{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}", { a: [], b: {} }, "3"],
  ["{{ if .a }}1{{ end }}", {}, ""],
  ["{{ with .a.b }}{{ .c }}{{ $.d }}{{ end }}", { a: { b: { c: 1 } }, d: 2 }, "12"],
  ["{{ range .a }}<{{ . }}>{{ end }}", { a: ["x", "y"] }, "<x><y>"],
  ["{{ range $i, $x := .a }}{{ $i }}{{ $x }};{{ end }}", { a: ["x", "y"] }, "0x;1y;"],
  ["{{ range $key, $x := .a }}{{ $key }}{{ $x }};{{ end }}", { a: { z: 1, b: 2 } }, "b2;z1;"],
  ["{{ range $x := list 1 2 }}{{ $x }}{{ $.a }};{{ end }}", { a: 3 }, "13;23;"],
  ["{{ range .a }}1{{ else }}none{{ end }}", { a: [] }, "none"],
  ['{{ "a b" | upper }}', {}, "A B"],
  ['{{ .a | join "-" | upper }}', { a: ["x", "y"] }, "X-Y"],
  ['{{ join "," (list .a "c") }}', { a: "b" }, "b,c"],
  ['{{ define "t" }}<{{ .x }}>{{ end }}{{ include "t" .a | upper }}', { a: { x: "y" } }, "<Y>"],
];

for (const [text, dot, wanted] of CASES) {
  test(`GoTemplates renders ${JSON.stringify(text)}`, () => {
    assert.equal(render(text, dot), wanted);
  });
}

test("GoTemplates refuses what it does not know, and values that are not there", () => {
  for (const [text, wanted] of [
    ["{{ .a }}", /cannot print undefined/],
    ["{{ .a.b }}", /no field \.a\.b: \.b of undefined/],
    ["{{ $x }}", /no variable \$x/],
    ["{{ lower .a }}", /no function "lower"/],
    ['{{ include "t" . }}', /no template "t"/],
    ["{{ if .a }}", /else or end is missing/],
    ["{{ end }}", /"end" without a block/],
    ["{{ .a ( }}", /Cannot read/],
    ["{{ $x := .a }}", /Cannot read/],
    ["{{ range .a }}{{ end }}", null],
  ] as const) {
    if (wanted === null) assert.equal(render(text), "");
    else assert.throws(() => render(text), wanted, text);
  }
});
