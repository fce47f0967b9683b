import assert from "node:assert/strict";
import { test } from "node:test";
import { CLASS_CH, FLAG_AA, rcodeName, typeName } from "../../wire/constants.ts";
import type { DnsRecord } from "../../wire/message.ts";
import { parseRecord } from "../../wire/record_text.ts";
import { backPlugin, requestAsking } from "../testing.ts";
import { templateSetup } from "./setup.ts";

function plugin(directives: string) {
  return backPlugin(templateSetup, directives);
}

function records(texts: readonly string[]): DnsRecord[] {
  return texts.map(parseRecord);
}

test("TemplatePlugin.answer() gives what the first template that fits says", () => {
  const ip = `template IN A example {
    match (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
    match ^hex(?P<x>[a-f0-9]{2})[.]
    answer "{{ .Name }} 60 IN A {{ if .Group.a }}{{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}{{ else }}192.0.2.{{ parseInt .Group.x 16 8 }}{{ end }}"
    fallthrough
  }
  template IN ANY example {
    rcode NXDOMAIN
    authority "{{ .Zone }} 60 {{ .Class }} SOA ns.{{ .Zone }} host.{{ .Zone }} (1 60 60 60 60)"
  }
  template IN PTR in-addr.arpa {
    match ^(?P<d>[0-9]*)[.]2[.]0[.]192[.]in-addr[.]arpa[.]$
    answer "{{ .Name }} 60 IN PTR ip-192-0-2-{{ .Group.d }}.example."
  }
  template IN MX {
    match ^mail[.]
    answer "{{ .Name }} 60 IN MX 10 {{ .Name }}"
    additional "{{ .Name }} 60 IN A 192.0.2.25"
    fallthrough org
  }`;
  const soa = "example. 60 IN SOA ns.example. host.example. 1 60 60 60 60";
  const cases: [question: string, rcode: string, answers: string[], others: string[]][] = [
    ["ip-192-0-2-1.example. A", "NOERROR", ["ip-192-0-2-1.example. 60 A 192.0.2.1"], []],
    ["x.ip-192-0-2-1.example. A", "NOERROR", ["x.ip-192-0-2-1.example. 60 A 192.0.2.1"], []],
    ["hexff.example. A", "NOERROR", ["hexff.example. 60 A 192.0.2.255"], []],
    ["other.example. A", "NXDOMAIN", [], [soa]],
    ["ip-192-0-2-1.example. AAAA", "NXDOMAIN", [], [soa]],
    [
      "7.2.0.192.in-addr.arpa. PTR",
      "NOERROR",
      ["7.2.0.192.in-addr.arpa. 60 PTR ip-192-0-2-7.example."],
      [],
    ],
    ["7.2.0.193.in-addr.arpa. PTR", "SERVFAIL", [], []],
    ["mail.org. MX", "NOERROR", ["mail.org. 60 MX 10 mail.org."], ["mail.org. 60 A 192.0.2.25"]],
    ["www.com. MX", "SERVFAIL", [], []],
  ];
  const templates = plugin(ip);
  for (const [question, rcode, answers, others] of cases) {
    const answer = templates.answer(requestAsking(question));
    assert.ok(answer !== null, question);
    assert.equal(rcodeName(answer.rcode), rcode, question);
    assert.deepEqual(answer.answers, records(answers), question);
    assert.deepEqual([...answer.authorities, ...answer.additionals], records(others), question);
    assert.equal(answer.flags, rcode === "SERVFAIL" ? 0 : FLAG_AA, question);
  }
  for (const question of ["www.org. MX", "www.org. A"]) {
    assert.equal(templates.answer(requestAsking(question)), null, question);
  }
});

test("TemplatePlugin.answer() minds the class", () => {
  const request = { ...requestAsking("a. A"), class: CLASS_CH };
  assert.equal(plugin("template IN A").answer(request), null);
  assert.notEqual(plugin("template ANY A").answer(request), null);
});

test("TemplatePlugin.answer() is SERVFAIL when a template gives no record", () => {
  const lines = [
    'match (.*)\nanswer "{{ .Name }} 60 IN A {{ index .Match 1 }}"',
    'match (.*)\nanswer "{{ .Name }} 60 IN A {{ index .Match 2 }}"',
    "rcode SERVFAIL",
  ];
  for (const line of lines) {
    const answer = plugin(`template IN A {\n${line}\n}`).answer(requestAsking("a. A"));
    assert.equal(rcodeName(answer?.rcode ?? 0), "SERVFAIL", line);
  }
});

test("TemplatePlugin counts matches by type, and what its templates fail at", () => {
  const texts = [
    "{{ .Name }} IN A {{ index .Match 2 }}",
    "{{ .Name }} IN A {{ index .Match 1 }}",
    "none.",
  ];
  const rule = (type: string, text: string) =>
    `template IN ${type} {\nmatch ^${type}(.*)\nanswer "${text}"\nfallthrough\n}`;
  const directives = `${rule("a", texts[0]!)}\n${rule("ANY", texts[1]!)}\n${rule("mx", texts[2]!)}
  template ANY CAA {\nmatch caa\nrcode SERVFAIL\n}`;
  const counts = {};
  const counting = backPlugin(templateSetup, directives.replace("^ANY", "^every"), { counts });
  for (const question of ["ax. A", "every. A", "every. CAA", "mx. MX", "caa. CAA", "x. A"]) {
    counting.answer(requestAsking(question));
  }
  const [matches, failures] = ["coredns_template_matches_total", "coredns_template_"];
  assert.deepEqual(counts, {
    [`${matches} IN A`]: 2,
    [`${matches} IN other`]: 2,
    [`${matches} IN MX`]: 1,
    [`${failures}template_failures_total IN A answer ${texts[0]}`]: 1,
    [`${failures}rr_failures_total IN ANY answer ${texts[1]}`]: 2,
    [`${failures}rr_failures_total IN MX answer ${texts[2]}`]: 1,
  });
});

test("templates see the question and who asks", () => {
  const text = "{{ .Zone }} {{ .ID }} {{ .Class }} {{ .Type }} {{ .Remote }} {{ .Question.Qtype }}";
  const answer = plugin(`template ANY ANY {\nanswer "{{ .Name }} TXT (${text})"\n}`);
  const message = answer.answer(requestAsking("a.example.org. HTTPS"));
  assert.equal(typeName(message?.question.type ?? 0), "HTTPS");
  const expected = "a.example.org. TXT . 1 IN HTTPS 192.0.2.77 65";
  assert.deepEqual(message?.answers, records([expected]));
});
