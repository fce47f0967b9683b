import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWeightFile } from "./weight_file.ts";

test("parseWeightFile() puts addresses below their names, also in parts", () => {
  const { names, problems } = parseWeightFile(
    "a.org\n192.0.2.1 1\nb.org.\n A.ORG \n\t192.0.2.2  2\r\n",
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(names, [
    {
      name: "a.org.",
      addresses: [
        { bytes: [192, 0, 2, 1], weight: 1 },
        { bytes: [192, 0, 2, 2], weight: 2 },
      ],
    },
    { name: "b.org.", addresses: [] },
  ]);
});

test("parseWeightFile() says in which line what is wrong", () => {
  const weight = "expected a whole number from 1 to 255";
  const cases: [text: string, line: number, message: string][] = [
    ["192.0.2.1", 1, `Missing weight after "192.0.2.1": ${weight}`],
    ["192.0.2.1 1", 1, 'Unexpected address "192.0.2.1": expected a name before it'],
    ["a.org\n192.0.2.1 0", 2, `Cannot read weight: ${weight}, got "0"`],
    ["a.org\n192.0.2.1 256", 2, `Cannot read weight: ${weight}, got "256"`],
    ["a.org\n192.0.2.1 2x", 2, `Cannot read weight: ${weight}, got "2x"`],
    ["a.org\n192.0.2 1", 2, 'Cannot read address: expected an IP address, got "192.0.2"'],
    ["a..org", 1, 'Cannot read name "a..org": expected no empty label'],
    ["a.org b.org 1", 1, 'Unexpected "1": expected a name, or an address and its weight'],
  ];
  for (const [text, line, message] of cases) {
    assert.deepEqual(parseWeightFile(text).problems, [{ line, message }], text);
  }
});
