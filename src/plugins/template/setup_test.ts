import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { templateSetup } from "./setup.ts";

const RULE = {
  class: "IN",
  type: "A",
  zones: ["."],
  match: [],
  answer: [],
  additional: [],
  authority: [],
  rcode: "NOERROR",
  ederror: null,
  fallthrough: null,
};

test("template reads its directives", () => {
  const cases: [directives: string, rule: object][] = [
    ["template IN A", {}],
    ["template in a", {}],
    ["template ANY ANY", { class: "ANY", type: "ANY" }],
    ["template IN TYPE65", { type: "TYPE65" }],
    ["template IN A Example.ORG 10.0.0.0/8", { zones: ["example.org.", "10.in-addr.arpa."] }],
    ["template IN A {\nmatch a b\nmatch c\n}", { match: ["a", "b", "c"] }],
    [
      'template IN A {\nanswer "{{ .Name }} 60 IN A 192.0.2.1" "a. A 192.0.2.2"\n}',
      { answer: ["{{ .Name }} 60 IN A 192.0.2.1", "a. A 192.0.2.2"] },
    ],
    ['template IN A {\nadditional "a. A 192.0.2.1"\n}', { additional: ["a. A 192.0.2.1"] }],
    ['template IN A {\nauthority "a. NS b."\n}', { authority: ["a. NS b."] }],
    ["template IN A {\nrcode nxdomain\n}", { rcode: "NXDOMAIN" }],
    ["template IN A {\nfallthrough\n}", { fallthrough: ["."] }],
    ["template IN A {\nfallthrough in-addr.arpa\n}", { fallthrough: ["in-addr.arpa."] }],
  ];
  for (const [directives, rule] of cases) {
    const { settings, problems } = readSetup(templateSetup, directives);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { rules: [{ ...RULE, ...rule }] }, directives);
  }
});

test("template is used any number of times, and takes the zones of its server block", () => {
  const { settings, view } = readSetup(templateSetup, "template IN A\ntemplate IN AAAA b.", {
    zones: ["example.org."],
  });
  assert.deepEqual(
    settings.rules.map(({ type, zones }) => [type, zones]),
    [
      ["A", ["example.org."]],
      ["AAAA", ["b."]],
    ],
  );
  assert.deepEqual(structuredClone(view.plugins), view.plugins);
  assert.equal(view.plugins.length, 1);
});

test("template says what is wrong with a directive, and where", () => {
  const near = 'did you mean "Name"?';
  const cases: [directives: string, problems: string[]][] = [
    ["template IN", ['2: Missing argument after "IN": expected template CLASS TYPE [ZONE...]']],
    [
      "template A IN",
      [
        '2: Cannot read CLASS or TYPE: expected CLASS, such as IN or ANY, got "A"',
        '2: Cannot read CLASS or TYPE: expected TYPE, such as A or ANY, got "IN"',
      ],
    ],
    [
      "template IN A {\nmatch (\n}",
      ['3: Cannot read REGEX of match: expected a ")" for every "(", got "("'],
    ],
    [
      'template IN A {\nanswer "{{ .Nam }} A 192.0.2.1"\n}',
      [`3: Cannot read the template "{{ .Nam }} A 192.0.2.1": There is no field .Nam: ${near}`],
    ],
    [
      'template IN A {\nanswer "a.\n{{ if }}"\n}',
      ['4: Cannot read the template "a.\n{{ if }}": expected a value, got the end'],
    ],
    [
      'template IN A {\nanswer "{{ .Name }} 60 IN A"\n}',
      [
        '3: Template "{{ .Name }} 60 IN A" gives SERVFAIL: Cannot read the record ". 60 IN A": expected an IPv4 address, got the end of the text',
      ],
    ],
    [
      'template IN A {\nmatch (?P<abc>x)\nanswer "{{ .Group.abd }}. A 192.0.2.1"\n}',
      ['4: Cannot use .Group.abd: no match has a group of that name: did you mean "abc"?'],
    ],
    [
      "template IN A {\nrcode NOPE\n}",
      [
        '3: Cannot read CODE of rcode: expected NOERROR, NXDOMAIN, SERVFAIL, REFUSED or another RCODE below 16, got "NOPE"',
      ],
    ],
    [
      "template IN A {\nederror x\n}",
      [
        "3: ederror has no effect in this version",
        '3: Cannot read CODE of ederror: expected a code of RFC 8914 from 0 to 65535, got "x"',
      ],
    ],
    ["template IN A {\nmatsch x\n}", ['3: Unknown option "matsch": did you mean "match"?']],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(templateSetup, directives).problems, problems, directives);
  }
});

test("template warns of NXDOMAIN for AAAA", () => {
  for (const dnsClass of ["IN", "ANY"]) {
    const { problems } = readSetup(templateSetup, `template ${dnsClass} AAAA {\nrcode NXDOMAIN\n}`);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, /^2: NXDOMAIN for AAAA denies the name's A records, too/);
  }
  for (const other of ["IN AAAA {\nrcode NOERROR\n}", "IN ANY {\nrcode NXDOMAIN\n}"]) {
    assert.deepEqual(readSetup(templateSetup, `template ${other}`).problems, [], other);
  }
});
