import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { aclSetup } from "./setup.ts";

function policy(
  action: string,
  types: string[] = [],
  nets: [address: string, bits: number][] = [],
) {
  return { action, types, nets: nets.map(([address, bits]) => ({ address, bits })) };
}

test("acl reads its directives", () => {
  const cases: [directives: string, zones: string[], policies: object[]][] = [
    ["acl", ["."], []],
    ["acl A.example.org b.", ["a.example.org.", "b."], []],
    ["acl {\nblock\n}", ["."], [policy("block")]],
    ["acl {\nfilter type a AAAA\n}", ["."], [policy("filter", ["A", "AAAA"])]],
    ["acl {\ndrop net 192.0.2.1\n}", ["."], [policy("drop", [], [["192.0.2.1", 32]])]],
    [
      "acl {\nallow net 192.0.2.0/24 2001:DB8::/32\nblock type * net *\n}",
      ["."],
      [
        policy(
          "allow",
          [],
          [
            ["192.0.2.0", 24],
            ["2001:db8::", 32],
          ],
        ),
        policy("block"),
      ],
    ],
    [
      "acl {\nblock net ::1 type TYPE65 net 0.0.0.0/0 type *\n}",
      ["."],
      [
        policy(
          "block",
          [],
          [
            ["::1", 128],
            ["0.0.0.0", 0],
          ],
        ),
      ],
    ],
  ];
  for (const [directives, zones, policies] of cases) {
    const { settings, problems } = readSetup(aclSetup, directives);
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { rules: [{ zones, policies }] }, directives);
  }
});

test("acl says what is wrong with its directives", () => {
  const source = "expected an address, a prefix such as 192.0.2.0/24, or *";
  const cases: [line: string, problem: string][] = [
    ["blok", 'Unknown option "blok": did you mean "block"?'],
    ["block A", 'Unexpected "A" after "block": expected block [type QTYPE...] [net SOURCE...]'],
    ["block type", 'Missing argument after "type": expected type QTYPE...'],
    ["block net type A", 'Missing argument after "net": expected net SOURCE...'],
    ["block type NOPE", 'Cannot read QTYPE: expected a type, such as A, or *, got "NOPE"'],
    ["block net 192.0.2.0/33", `Cannot read SOURCE: ${source}, got "192.0.2.0/33"`],
    ["block net 192.0.2", `Cannot read SOURCE: ${source}, got "192.0.2"`],
    ["block net ::/x", `Cannot read SOURCE: ${source}, got "::/x"`],
  ];
  for (const [line, problem] of cases) {
    const { problems } = readSetup(aclSetup, `acl {\n${line}\n}`);
    assert.deepEqual(problems, [`3: ${problem}`], line);
  }
});
