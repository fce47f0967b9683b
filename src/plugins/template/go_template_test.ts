import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseGoTemplate, TemplateSyntaxError } from "./go_template.ts";
import { runTemplate, TemplateError, type TemplateValue } from "./go_template_run.ts";

const DATA: TemplateValue = {
  Name: "ip-10-1.example.",
  Zone: "example.",
  Class: "IN",
  Type: "A",
  ID: 7,
  Regex: "",
  Match: ["ip-10-1", "10", "1"],
  Group: { a: "10", b: "0a", "0": "ip-10-1" },
  Remote: "192.0.2.7",
  Question: { Name: "ip-10-1.example.", Qtype: 1, Qclass: 1 },
  Message: { Id: 7, RecursionDesired: true, Question: [] },
};

function run(source: string): string {
  return runTemplate(parseGoTemplate(source), DATA);
}

test("runTemplate() gives what Go gives", () => {
  const cases: [source: string, text: string][] = [
    ["", ""],
    ["plain }} text", "plain }} text"],
    ["{{ .Name }} 60 IN A", "ip-10-1.example. 60 IN A"],
    ["{{.Name}}", "ip-10-1.example."],
    ["{{ index .Match 1 }}.{{ index .Match 2 }}", "10.1"],
    ["{{ .Match }}", "[ip-10-1 10 1]"],
    ["{{ .Group.a }}", "10"],
    ["{{ .Group.none }}", "<no value>"],
    ['{{ index .Group "b" }}{{ index .Group "none" }}', "0a"],
    ["{{ parseInt .Group.b 16 8 }}", "10"],
    ["{{ .Message.Id }} {{ .Message.RecursionDesired }} {{ .ID }}", "7 true 7"],
    ["{{ .Question.Name }} {{ .Question.Qtype }}", "ip-10-1.example. 1"],
    ['{{ .Meta "a/b" }}|{{ $.Meta "a/b" }}|{{ (.Meta "c") }}', "||"],
    ["a {{- .Type -}} b", "aAb"],
    ["a {{- /* why */ -}} b {{/* c */}}c", "ab c"],
    ['{{ if eq .Type "A" }}yes{{ else }}no{{ end }}', "yes"],
    ['{{ if eq .Type "AAAA" "A" }}yes{{ end }}', "yes"],
    ['{{ if ne .Type "A" }}1{{ else if eq .Class "IN" }}2{{ else }}3{{ end }}', "2"],
    ['{{ if and .Type (not .Regex) }}yes{{ end }}{{ or "" "x" }}', "yesx"],
    ["{{ if lt 1 2 }}a{{ end }}{{ if gt 1 2 }}b{{ end }}{{ if le 2 2 }}c{{ end }}", "ac"],
    ["{{ if ge (len .Match) 3 }}{{ len .Name }}{{ end }}", "16"],
    ["{{ range .Match }}<{{ . }}>{{ end }}", "<ip-10-1><10><1>"],
    ["{{ range $i, $m := .Match }}{{ $i }}={{ $m }} {{ end }}", "0=ip-10-1 1=10 2=1 "],
    ["{{ range .Message.Question }}x{{ else }}none{{ end }}", "none"],
    ["{{ range $k, $v := .Group }}{{ $k }}{{ $v }};{{ end }}", "0ip-10-1;a10;b0a;"],
    ["{{ with .Group }}{{ .a }} {{ $.Name }}{{ end }}", "10 ip-10-1.example."],
    ["{{ with $x := .Regex }}{{ $x }}{{ else }}empty{{ end }}", "empty"],
    ["{{ $x := .Type }}{{ if true }}{{ $x = .Class }}{{ end }}{{ $x }}", "IN"],
    ['{{ $x := "a" }}{{ if true }}{{ $x := "b" }}{{ $x }}{{ end }}{{ $x }}', "ba"],
    ['{{ printf "%s-%03d-%x" .Type 7 255 }}', "A-007-ff"],
    ['{{ printf "%5s|%-5s|%q|%v|%%" "a" "b" "c" true }}', '    a|b    |"c"|true|%'],
    ['{{ printf "%d" "x" }}', "%!d(string=x)"],
    ['{{ .Group.b | printf "%s-%s" "x" }}', "x-0a"],
    ['{{ print 1 2 "a" 3 }}', "1 2a3"],
    ["{{ slice .Name 0 2 }}", "ip"],
    ["{{ len `a\\n` }} {{ 'a' }} {{ 0x1F }} {{ -1 }}", "3 97 31 -1"],
    ['{{ "\\"\\x41" }}', '"A'],
    ["{{ (index .Match 1) }}", "10"],
    ["{{\n.Type\n}}", "A"],
  ];
  for (const [source, text] of cases) assert.equal(run(source), text, source);
});

test("parseGoTemplate() says what is wrong, and where", () => {
  const cases: [source: string, offset: number, problem: string][] = [
    ["{{ .Name", 8, "an action has no }}"],
    ["x {{ .Nam }}", 5, 'There is no field .Nam: did you mean "Name"?'],
    ["{{ .Name.Length }}", 8, "There is no field .Length"],
    ["{{ $.Message.Idd }}", 12, 'There is no field .Idd: did you mean "Id"?'],
    ["{{ $x }}", 3, "$x has no value here: write {{ $x := VALUE }} first"],
    ["{{ $x = 1 }}", 3, "$x has no value here: write {{ $x := VALUE }} first"],
    ["{{ if .Name }}x", 3, "{{ if }} has no {{ end }}"],
    ["{{ if .Name }}x{{ else }}y", 3, "{{ if }} has no {{ end }}"],
    ["{{ end }}", 3, "expected no {{ end }} here"],
    ["{{ else }}", 3, "expected no {{ else }} here"],
    ["{{ }}", 3, "expected a value, got the end"],
    ['{{ template "x" }}', 3, "{{ template }} is not supported"],
    ["{{ html .Name }}", 3, '"html" is not supported'],
    [
      "{{ pasreInt .Name 1 2 }}",
      3,
      '"pasreInt" is no function of templates: did you mean "parseInt"?',
    ],
    ["{{ parseInt .Name }}", 3, '"parseInt": expected 3 arguments, got 1'],
    ["{{ index }}", 3, '"index": expected at least 1 argument, got 0'],
    ["{{ .Name .Type }}", 3, 'expected a function before "Type"'],
    ["{{ .Name | .Type }}", 11, "expected a function after '|'"],
    ['{{ "x }}', 3, 'expected a closing "'],
    ['{{ "\\z" }}', 4, "expected an escape of Go, such as \\n"],
    ["{{ 1.5 }}", 3, 'expected a whole number, got "1."'],
    ["{{ (len .Name }}", 3, "expected a ')'"],
    ["{{ .Name % 2 }}", 9, 'unexpected "%"'],
  ];
  for (const [source, offset, message] of cases) {
    assert.throws(() => parseGoTemplate(source), { message, offset }, source);
  }
});

test("runTemplate() throws when a template does not fit its data", () => {
  const cases: [source: string, problem: string][] = [
    ["{{ index .Match 3 }}", "index 3 is not below 3"],
    ["{{ parseInt .Type 10 8 }}", 'parseInt: "A" is no number of base 10'],
    ["{{ parseInt `256` 10 8 }}", "parseInt: 256 takes more than 8 bits"],
    ["{{ eq .Type 1 }}", "cannot compare A with 1"],
    ["{{ lt .Type 1 }}", "cannot order A and 1"],
    ["{{ len 1 }}", "1 has no length"],
    ["{{ range .Match }}{{ .x }}{{ end }}", "there is no field .x in ip-10-1"],
    ["{{ slice .Type 1 3 }}", "slice 1 3 is not within 1"],
  ];
  for (const [source, message] of cases) {
    assert.throws(() => run(source), { name: "TemplateError", message }, source);
  }
});

test("templates throw nothing but their own errors", () => {
  const words = ["{{", "}}", " ", "-", ".Name", ".Match", "$x", ":=", "if", "else", "end", "range"];
  const word = fc.constantFrom(
    ...words,
    "with",
    "|",
    "(",
    ")",
    "index",
    "len",
    '"a"',
    "1",
    "/*",
    "*/",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (source) => {
      try {
        run(source.join(""));
        run(source.join(" "));
      } catch (error) {
        const isOwn = error instanceof TemplateSyntaxError || error instanceof TemplateError;
        assert.ok(isOwn, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
