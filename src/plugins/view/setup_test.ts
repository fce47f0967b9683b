import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { viewSetup } from "./setup.ts";

test("view reads a name and expressions", () => {
  const cases: [directive: string, name: string, expressions: string[]][] = [
    ["view a {\nexpr do()\n}", "a", ["do()"]],
    [
      "view a {\nexpr type() in ['A',  'AAAA']\nexpr incidr(client_ip(), '10.0.0.0/8')\n}",
      "a",
      ["type() in ['A', 'AAAA']", "incidr(client_ip(), '10.0.0.0/8')"],
    ],
    ['view "a b" {\nexpr "name() == \\"a.org.\\""\n}', "a b", ['name() == "a.org."']],
  ];
  for (const [directive, name, expressions] of cases) {
    const { settings, view, problems } = readSetup(viewSetup, directive);
    assert.deepEqual(problems, [], directive);
    assert.deepEqual(settings, { name, expressions });
    assert.deepEqual(view.plugins, [{ plugin: "view", settings }]);
  }
});

test("view says what is wrong", () => {
  const cases: [directives: string, problems: string[]][] = [
    [
      "view",
      [
        '2: Missing argument after "view": expected view NAME',
        '2: Missing option "expr": expected expr EXPRESSION',
      ],
    ],
    ["view a b {\nexpr do()\n}", ['2: Unexpected "b" after "view": expected view NAME']],
    ["view a", ['2: Missing option "expr": expected expr EXPRESSION']],
    ["view a {\nexpr\n}", ['3: Missing argument after "expr": expected expr EXPRESSION']],
    [
      "view a {\nexpr name()\n}",
      ['3: Cannot read expression "name()": expected true or false, got a string at character 1'],
    ],
    [
      "view a {\nexp do()\n}",
      [
        '2: Missing option "expr": expected expr EXPRESSION',
        '3: Unknown option "exp": did you mean "expr"?',
      ],
    ],
    [
      "view a {\nexpr do()\n}\nview b {\nexpr do()\n}",
      ['5: Cannot use "view" twice in a server block: already at Corefile:2'],
    ],
  ];
  for (const [directives, problems] of cases) {
    assert.deepEqual(readSetup(viewSetup, directives).problems, problems, directives);
  }
});
