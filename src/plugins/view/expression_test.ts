import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCondition } from "./expression.ts";
import { ExpressionError } from "./expression_tokens.ts";
import type { QueryFacts } from "./query_facts.ts";

const FACTS: QueryFacts = {
  bufferBytes: () => 1232,
  className: () => "IN",
  clientIp: () => "10.1.2.3",
  clientPort: () => 5300,
  dnssecOk: () => true,
  id: () => 7,
  name: () => "www.example.org.",
  opcode: () => 0,
  protocol: () => "udp",
  serverIp: () => "[2001:db8::53]",
  serverPort: () => 53,
  sizeBytes: () => 40,
  typeName: () => "A",
};

test("parseCondition() knows what is true of a query", () => {
  const cases: [expression: string, isTrue: boolean][] = [
    ["true", true],
    ["do()", true],
    ["!do()", false],
    ["not do()", false],
    ["type() == 'A'", true],
    ["type() != 'A'", false],
    ["type() in ['A', 'AAAA']", true],
    ["type() not in ['A', 'AAAA',]", false],
    ['class() == "IN" && proto() == `udp`', true],
    ["type() == 'AAAA' or name() == 'www.example.org.'", true],
    ["type() == 'AAAA' || false", false],
    ["true || true && false", true],
    ["(true || true) && false", false],
    ["name() matches '^www\\\\.'", true],
    ["name() matches `^www\\.`", true],
    ["name() not matches '^www\\\\.'", false],
    ["name() contains 'example' and name() startsWith 'www' and name() endsWith '.org.'", true],
    ["name() not contains 'example'", false],
    ["incidr(client_ip(), '10.0.0.0/8')", true],
    ["incidr(client_ip(), '10.1.2.4/31')", false],
    ["incidr(client_ip(), '10.1.2.2/31')", true],
    ["incidr(server_ip(), '2001:db8::/32')", true],
    ["incidr(server_ip(), '10.0.0.0/8')", false],
    ["incidr(name(), '10.0.0.0/8')", false],
    ["incidr(client_ip(), client_ip() + '/32')", true],
    ["port() == '5300' && server_port() == '53'", true],
    ["size() > 12 && size() <= 40 && bufsize() >= 1_232 && opcode() < 1", true],
    ["id() in 1..10", true],
    ["id() in 8..10", false],
    ["id() * 2 + 1 == 15", true],
    ["1 + 2 * 3 == 7", true],
    ["2 ** 3 ** 2 == 512", true],
    ["-2 ** 2 == -4", true],
    ["7 % 4 == 3 && 8 / 4 == 2 && 7 - 4 - 1 == 2", true],
    ["0x10 == 16 && 1.5 + .5 == 2 && 1e3 == 1000", true],
    ["len(name()) == 16 && len(['A', type()]) == 2", true],
    ["upper(type()) == 'A' && lower(type()) == 'a' && trim(' a ') == 'a'", true],
    ["do() ? type() == 'A' : false", true],
    ["false ? true : false ? true : false", false],
    ["'it\\'s' == \"it's\"", true],
  ];
  for (const [expression, isTrue] of cases) {
    assert.equal(parseCondition(expression)(FACTS), isTrue, expression);
  }
});

test("parseCondition() says what is wrong, and where", () => {
  const cases: [expression: string, problem: string][] = [
    ["", "expected a value, got nothing more at character 1"],
    ["do() &&", "expected a value, got nothing more at character 8"],
    ["do() do()", 'expected an operator, got "do" at character 6'],
    ["name()", "expected true or false, got a string at character 1"],
    ["size() + 1", "expected true or false, got a number at character 1"],
    ["name() == 1", "expected two alike, got a string and a number at character 8"],
    ["name() < 'a'", 'expected a number beside "<", got a string at character 1'],
    ["name() && do()", 'expected a boolean beside "&&", got a string at character 1'],
    ["do() or 1", 'expected a boolean beside "or", got a number at character 9'],
    ["type() in 'A'", 'expected a list beside "in", got a string at character 11'],
    [
      "name() matches type()",
      'expected a regular expression in quotes behind "matches" at character 16',
    ],
    ["name", 'expected "(" behind "name", or quotes round it at character 1'],
    ["name(1)", "expected no arguments of name(), got 1 at character 1"],
    ["incidr(client_ip())", "expected 2 arguments of incidr(), got 1 at character 1"],
    [
      "incidr(client_ip(), '10.0.0.0')",
      'expected a prefix such as 10.0.0.0/8, got "10.0.0.0" at character 21',
    ],
    ["incidr(1, '10.0.0.0/8')", "expected a string, got a number at character 8"],
    ["len(1) == 1", "expected a string, got a number at character 5"],
    ["do() ? 1 : 'a'", 'expected a number as before ":", got a string at character 12'],
    ["(do()", 'expected ")", got nothing more at character 6'],
    ["['A' 'B']", 'expected ",", got "B" at character 6'],
    ["name() == 'a", `expected a string that ends in ', got "'" at character 11`],
    ["do() & do()", 'expected an expression, got "&" at character 6'],
    [
      "metadata('a/b') == 'c'",
      'no "metadata()", which this version does not support, at character 1',
    ],
  ];
  for (const [expression, problem] of cases) {
    assert.throws(() => parseCondition(expression), { message: problem }, expression);
  }
  assert.throws(() => parseCondition("name() matches '('"), /regular expression at character 16$/);
  assert.throws(
    () => parseCondition("nam()"),
    /^ExpressionError: expected bufsize, .* or upper, got "nam"/,
  );
});

test("parseCondition() fails in one way only", () => {
  const word = fc.constantFrom(
    ...[
      "do()",
      "name()",
      "'a'",
      "1",
      "(",
      ")",
      "[",
      "]",
      ",",
      "not",
      "in",
      "==",
      "&&",
      "?",
      ":",
      "-",
    ],
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((words) => words.join(" ")),
      ),
      (text) => {
        try {
          assert.equal(typeof parseCondition(text)(FACTS), "boolean");
        } catch (error) {
          assert.ok(error instanceof ExpressionError, String(error));
        }
      },
    ),
  );
});
