import assert from "node:assert/strict";
import { test } from "node:test";
import { GoRegexp, goRegexpProblem } from "./go_regexp.ts";

/** Pattern, text, and what `FindStringSubmatch` of Go 1.26 gives. */
const MATCHES: readonly (readonly [pattern: string, text: string, match: string[] | null])[] = [
  ["a|b", "cb", ["b"]],
  ["", "a", [""]],
  // Flags hold to the end of their group, alternatives included.
  ["^(?i)ab(?-i)C", "aBC", ["aBC"]],
  ["^(?i)ab(?-i)C", "aBc", null],
  ["a(?i)b|c", "C", ["C"]],
  ["(?:a(?i)b)|c", "C", null],
  ["(?i:K)x", "kx", ["kx"]],
  ["(?s).+", "a\nb", ["a\nb"]],
  [".+", "a\nb", ["a"]],
  [".", "\r", ["\r"]],
  ["(?m)^b$", "a\nb", ["b"]],
  ["^b$", "a\nb", null],
  ["a$", "a\n", null],
  ["(?m)a$", "a\rb", null],
  ["(?U)a+", "aaa", ["a"]],
  ["(?U)a+?", "aaa", ["aaa"]],
  ["\\Aa\\z", "a", ["a"]],
  ["^*a", "a", ["a"]],
  ["(?m:^)*a", "a", ["a"]],
  // Groups.
  ["(?P<n>a)(?P<m>b)?", "a", ["a", "a", ""]],
  ["(?P<1a>x)(?<_>y)", "xy", ["xy", "x", "y"]],
  ["((a)|b)*", "ab", ["ab", "b", "a"]],
  ["(|a)*", "a", ["", ""]],
  ["(a|)+", "a", ["a", "a"]],
  ["(|a)?", "a", ["", ""]],
  ["(a*)*?b", "aab", ["aab", "aa"]],
  ["(?:(a)|b){2,3}", "abab", ["aba", "a"]],
  ["(?U:(a|b){1,3})c?", "abc", ["a", "a"]],
  ["(a+)+b", "aab", ["aab", "aa"]],
  // Classes.
  ["[[:alpha:]]+", "1ab2", ["ab"]],
  ["[[:^alpha:]]+", "1ab2", ["1"]],
  ["[^[:digit:]x]+", "1abx2", ["ab"]],
  ["[]a]+", "]a", ["]a"]],
  ["[^]a]+", "]b", ["b"]],
  ["[a-b-c]+", "a-c", ["a-c"]],
  ["[\\d-z]+", "1-z", ["1-z"]],
  ["[[a]+", "[a", ["[a"]],
  ["[a&&b]+", "a&b", ["a&b"]],
  ["\\s", "\u00a0", null],
  ["\\w", "é", null],
  ["(?i)\\w", "\u212a", ["\u212a"]],
  ["(?i)\\W", "\u212a", null],
  ["\\p{Greek}\\pL\\P{Greek}", "αβc", ["αβc"]],
  ["\\p{^Greek}", "α", null],
  // Text and escapes.
  ["\\Qa.b*\\E+", "a.b**", ["a.b**"]],
  ["\\Qa.b", "axb", null],
  ["\\x41\\x{42}\\103\\a\\_\\-", "ABC\x07_-", ["ABC\x07_-"]],
  ["a{,3}", "a{,3}", ["a{,3}"]],
  ["a{02}", "a{02}", ["a{02}"]],
  ["a]}", "a]}", ["a]}"]],
  ["a{2}b{1,}c{0,1}", "aabbc", ["aabbc"]],
  ["(?:ab){2}", "ababab", ["abab"]],
  ["\\bfoo\\b", "a foo", ["foo"]],
  ["\\Boo", "foo", ["oo"]],
  // What Corefiles have.
  [
    "^(.*)\\.(.*)\\.svc\\.cluster\\.local\\.$",
    "a.b.c.svc.cluster.local.",
    ["a.b.c.svc.cluster.local.", "a.b", "c"],
  ],
  ["^([a-z0-9-]+\\.)*example\\.org\\.$", "a.b-1.example.org.", ["a.b-1.example.org.", "b-1."]],
  [
    "(^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)[.]example[.]org[.]$",
    "ip-10-7.example.org.",
    ["ip-10-7.example.org.", "", "10", "7"],
  ],
  [".* i/o timeout$", "2 a. A: read udp: i/o timeout", ["2 a. A: read udp: i/o timeout"]],
];

test("GoRegexp.match() finds what Go finds", () => {
  for (const [pattern, text, match] of MATCHES) {
    const regexp = new GoRegexp(pattern);
    assert.deepEqual(regexp.match(text), match, pattern);
    assert.equal(regexp.test(text), match !== null, pattern);
  }
});

test("GoRegexp.match() takes linear time, whatever the pattern", () => {
  // Each of these takes the runtime's own engine longer than anybody waits.
  const patterns = ["(a+)+b", "(a|a)*b", "(a*)*b", ".*.*.*.*.*.*b", "^(a?){30}(a?){30}b$"];
  for (const pattern of patterns) {
    assert.equal(new GoRegexp(pattern).match("a".repeat(1000)), null, pattern);
  }
  const pattern = `^${"(a|a|a)".repeat(30)}b$`;
  assert.equal(new GoRegexp(pattern).match("a".repeat(1000)), null, pattern);
});

test("GoRegexp.groupNames are by the number of the group", () => {
  assert.deepEqual(new GoRegexp("(a)(?:b)(?P<n>c(?<m>d))").groupNames, ["", "", "n", "m"]);
});

test("goRegexpProblem() says what Go does not understand", () => {
  const cases: [pattern: string, problem: string | null][] = [
    ["a(b|c)*", null],
    ["(?=a)", "expected no lookahead and no lookbehind: Go has none"],
    ["(?<!a)b", "expected no lookahead and no lookbehind: Go has none"],
    ["(a)\\1", 'expected no backreference such as "\\1": Go has none'],
    ["(?P<n>a)(?P=n)", "expected no backreference: Go has none"],
    ["(?>a)", 'expected flags of i, m, s and U, or a name after "(?", not ">a)"'],
    ["(?i-)", 'expected flags of i, m, s and U, or a name after "(?", not "i-)"'],
    ["(a", 'expected a ")" for every "("'],
    ["a)", 'expected no ")" without its "("'],
    ["[a", 'expected a "]" for every "["'],
    ["[z-a]", 'expected the lower end of a range first, not "z-a"'],
    ["[[:foo:]]", 'expected a POSIX class, not "[:foo:]"'],
    ["\\p{Foo}", 'expected a Unicode class, not "Foo"'],
    ["\\y", 'expected an escape that Go knows, not "\\y"'],
    ["\\Z", 'expected an escape that Go knows, not "\\Z"'],
    ["a\\", "expected something after the last backslash"],
    ["*", 'expected something to repeat before "*"'],
    ["|+", 'expected something to repeat before "+"'],
    ["a**", 'expected no "*" right after "*"'],
    ["a{2}{3}", 'expected no "{3}" right after "{2}"'],
    ["a{1001}", 'expected counts up to 1000 in order, not "{1001}"'],
    ["a{2,1}", 'expected counts up to 1000 in order, not "{2,1}"'],
    ["(a{100}){20}", "expected at most 1000 repeats, counting those in each other"],
    [
      "((?:aaaaaaaaaaaaaaaaaaaaaaaaaaa|b)*){1000}",
      "expected a pattern that comes to less: counts multiply what they count",
    ],
    ["a".repeat(10_001), "expected at most 10000 characters"],
    ["(".repeat(1001), "expected at most 1000 groups in each other"],
  ];
  for (const [pattern, problem] of cases) assert.equal(goRegexpProblem(pattern), problem, pattern);
});
