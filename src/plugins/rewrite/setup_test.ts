import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import type { RewriteRule } from "./settings.ts";
import { rewriteSetup } from "./setup.ts";

const NO_ANSWERS = { auto: false, answers: [] };

test("rewrite reads rules of every field", () => {
  const exact = (from: string) => ({ kind: "exact" as const, from });
  const cases: [directive: string, rule: RewriteRule][] = [
    [
      "rewrite name Example.net example.ORG",
      {
        field: "name",
        isLast: true,
        match: exact("example.net."),
        to: "example.org.",
        auto: true,
        answers: [],
      },
    ],
    [
      "rewrite continue name exact a.org b.org",
      {
        field: "name",
        isLast: false,
        match: exact("a.org."),
        to: "b.org.",
        auto: true,
        answers: [],
      },
    ],
    [
      "rewrite stop name suffix .a.org .b.org.",
      {
        field: "name",
        isLast: true,
        match: { kind: "suffix", from: ".a.org." },
        to: ".b.org.",
        ...NO_ANSWERS,
      },
    ],
    [
      "rewrite name prefix A- b-",
      {
        field: "name",
        isLast: true,
        match: { kind: "prefix", from: "a-" },
        to: "b-",
        ...NO_ANSWERS,
      },
    ],
    [
      "rewrite name substring service.us service.eu answer auto",
      {
        field: "name",
        isLast: true,
        match: { kind: "substring", from: "service.us" },
        to: "service.eu",
        auto: true,
        answers: [],
      },
    ],
    [
      "rewrite stop {\nname regex (.*)-(us)\\.org {1}.{2}.net\nanswer name (.*)\\.us\\.net {1}-us.org\nvalue a b.\n}",
      {
        field: "name",
        isLast: true,
        match: { kind: "regex", from: "(.*)-(us)\\.org" },
        to: "{1}.{2}.net.",
        auto: false,
        answers: [
          { part: "name", pattern: "(.*)\\.us\\.net", to: "{1}-us.org." },
          { part: "value", pattern: "a", to: "b." },
        ],
      },
    ],
    ["rewrite type ANY HINFO", { field: "type", isLast: true, from: 255, to: 13 }],
    ["rewrite continue class ch in", { field: "class", isLast: false, from: 3, to: 1 }],
    [
      "rewrite ttl a.org 15",
      { field: "ttl", isLast: true, match: exact("a.org."), ttlSecFrom: 15, ttlSecTo: 15 },
    ],
    [
      "rewrite continue {\nttl regex (.*)\\.org 30-300\n}",
      {
        field: "ttl",
        isLast: false,
        match: { kind: "regex", from: "(.*)\\.org" },
        ttlSecFrom: 30,
        ttlSecTo: 300,
      },
    ],
    [
      "rewrite ttl suffix .org -60",
      {
        field: "ttl",
        isLast: true,
        match: { kind: "suffix", from: ".org." },
        ttlSecFrom: 0,
        ttlSecTo: 60,
      },
    ],
    [
      "rewrite ttl suffix .org 60-",
      {
        field: "ttl",
        isLast: true,
        match: { kind: "suffix", from: ".org." },
        ttlSecFrom: 60,
        ttlSecTo: 2 ** 31 - 1,
      },
    ],
    [
      "rewrite rcode a.org NXDOMAIN 0",
      { field: "rcode", isLast: true, match: exact("a.org."), from: 3, to: 0 },
    ],
    [
      "rewrite rcode prefix a servfail nxdomain",
      { field: "rcode", isLast: true, match: { kind: "prefix", from: "a" }, from: 2, to: 3 },
    ],
    [
      "rewrite cname a.org b.org",
      { field: "cname", isLast: true, match: exact("a.org."), to: "b.org." },
    ],
    [
      "rewrite edns0 local set 0xffee abcd",
      {
        field: "edns0",
        isLast: true,
        action: "set",
        code: 0xffee,
        data: { kind: "bytes", bytes: [97, 98, 99, 100] },
      },
    ],
    [
      "rewrite edns0 local append 65001 0x0aff",
      {
        field: "edns0",
        isLast: true,
        action: "append",
        code: 65001,
        data: { kind: "bytes", bytes: [10, 255] },
      },
    ],
    [
      "rewrite edns0 local set 0xffee {client_ip} revert",
      {
        field: "edns0",
        isLast: true,
        action: "set",
        code: 0xffee,
        data: { kind: "variable", name: "client_ip" },
      },
    ],
    [
      "rewrite edns0 local unset 0xffee",
      {
        field: "edns0",
        isLast: true,
        action: "unset",
        code: 0xffee,
        data: { kind: "bytes", bytes: [] },
      },
    ],
    [
      "rewrite edns0 nsid set",
      { field: "edns0", isLast: true, action: "set", code: 3, data: { kind: "bytes", bytes: [] } },
    ],
    [
      "rewrite edns0 subnet set 24 56",
      {
        field: "edns0",
        isLast: true,
        action: "set",
        code: 8,
        data: { kind: "subnet", ipv4Bits: 24, ipv6Bits: 56 },
      },
    ],
  ];
  for (const [directive, rule] of cases) {
    const { settings, problems } = readSetup(rewriteSetup, directive);
    assert.deepEqual(problems, [], directive);
    assert.deepEqual(settings, { rules: [rule] }, directive);
  }
});

test("rewrite reads a mode behind the field name, with a warning", () => {
  const { settings, problems } = readSetup(rewriteSetup, "rewrite name continue a.org b.org");
  const proper = readSetup(rewriteSetup, "rewrite continue name a.org b.org");
  assert.deepEqual(settings, proper.settings);
  assert.deepEqual(problems, [
    '2: "continue" is read as if it stood before "name": write it there',
  ]);
});

test("rewrite says what is wrong with a rule", () => {
  const kinds = "exact, prefix, suffix, substring or regex";
  const name = "name [exact|prefix|suffix|substring|regex] FROM TO [OPTIONS]";
  const answer = "answer auto, answer name REGEX NAME or answer value REGEX NAME";
  const cases: [directive: string, problem: string][] = [
    ["rewrite", "2: Missing FIELD: expected rewrite [continue|stop] FIELD ..."],
    ["rewrite stop", "2: Missing FIELD: expected rewrite [continue|stop] FIELD ..."],
    ["rewrite nam a b", '2: Unknown field "nam": did you mean "name"?'],
    [
      "rewrite other a b",
      '2: Unknown field "other": expected name, type, class, edns0, ttl, cname or rcode',
    ],
    [
      "rewrite answer name a b",
      "2: Cannot begin a rule with an answer: expected name ... before it",
    ],
    ["rewrite name a", `2: Missing argument after "a": expected ${name}`],
    [
      "rewrite name sufix a b",
      `2: Cannot read match type: expected ${kinds}, got "sufix": did you mean "suffix"?`,
    ],
    ["rewrite name a..b c", '2: Cannot read name "a..b": a label is empty'],
    [
      "rewrite name regex (a b",
      '2: Cannot read regular expression "(a": expected a ")" for every "("',
    ],
    ["rewrite name regex (a) {2}.b", '2: Unknown group {2} in "{2}.b": "(a)" has 1'],
    ["rewrite name exact a b auto", `2: Unexpected "auto": expected ${answer}`],
    ["rewrite name exact a b answer", `2: Missing argument after "answer": expected ${answer}`],
    ["rewrite name exact a b answer other", `2: Unexpected "other": expected ${answer}`],
    [
      "rewrite name exact a b answer name x",
      '2: Missing argument after "answer name": expected REGEX NAME',
    ],
    [
      "rewrite name suffix a b answer auto name x y",
      '2: Cannot use "answer auto" beside "answer name": both say what names in the answer become',
    ],
    ["rewrite type A", '2: Missing argument after "A": expected type FROM TO'],
    ["rewrite type A XX", '2: Cannot read type: expected a record type, such as AAAA, got "XX"'],
    ["rewrite class IN XX", '2: Cannot read class: expected a class, such as CH, got "XX"'],
    [
      "rewrite ttl a 5m",
      '2: Cannot read TTL: expected seconds from 0 to 2147483647 or a range such as 30-300, got "5m"',
    ],
    [
      "rewrite ttl a 300-30",
      '2: Cannot read TTL: expected seconds from 0 to 2147483647 or a range such as 30-300, got "300-30"',
    ],
    [
      "rewrite rcode a NXDOMAIN BADVERS",
      '2: Cannot read RCODE: expected a name such as NXDOMAIN or a number from 0 to 15, got "BADVERS"',
    ],
    [
      "rewrite edns0 local",
      '2: Missing argument after "local": expected edns0 local|nsid|subnet ACTION ...',
    ],
    [
      "rewrite edns0 other set 1 a",
      '2: Cannot read option: expected local, nsid or subnet, got "other"',
    ],
    [
      "rewrite edns0 local set 70000 a",
      '2: Cannot read option code: expected a number from 0 to 65535, such as 0xffee, got "70000"',
    ],
    [
      "rewrite edns0 local set 1 0xabc",
      '2: Cannot read data: expected an even number of hexadecimal digits after 0x, got "0xabc"',
    ],
    [
      "rewrite edns0 local set 1 {some/label}",
      "2: Cannot use {some/label}: this version does not support it",
    ],
    [
      "rewrite edns0 local set 1 {other}",
      '2: Unknown variable "{other}": expected one of {qname}, {qtype}, {client_ip}, {client_port}, {protocol}, {server_ip}, {server_port}',
    ],
    [
      "rewrite edns0 subnet set 33 56",
      '2: Cannot read prefix length: expected a number of bits from 0 to 32, got "33"',
    ],
    [
      "rewrite name a b {\nttl c 5\n}",
      '3: Unexpected "ttl": expected the rule on one line or in braces',
    ],
  ];
  for (const [directive, problem] of cases) {
    assert.deepEqual(readSetup(rewriteSetup, directive).problems, [problem], directive);
  }
});

test("rewrite is one plugin of the server block, with all rules in their order", () => {
  const { view } = readSetup(rewriteSetup, "rewrite type A AAAA\nrewrite type MX A");
  assert.deepEqual(view.plugins, [
    {
      plugin: "rewrite",
      settings: {
        rules: [
          { field: "type", isLast: true, from: 1, to: 28 },
          { field: "type", isLast: true, from: 15, to: 1 },
        ],
      },
    },
  ]);
});
