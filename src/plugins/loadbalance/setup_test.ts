import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import type { LoadbalanceSettings } from "./settings.ts";
import { loadbalanceSetup } from "./setup.ts";

const WEIGHTS =
  "# weights\n\nWWW.example.org\n192.0.2.1 3\n2001:db8::1 255\n\nother.example.org.\n";
const PLAIN: LoadbalanceSettings = {
  policy: "round_robin",
  prefer: [],
  reloadMs: 0,
  names: [],
};

test("loadbalance reads policies and their options", () => {
  const names = [
    {
      name: "www.example.org.",
      addresses: [
        { bytes: [192, 0, 2, 1], weight: 3 },
        { bytes: [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], weight: 255 },
      ],
    },
    { name: "other.example.org.", addresses: [] },
  ];
  const weighted = { ...PLAIN, policy: "weighted" as const, file: "/w", reloadMs: 30_000, names };
  const prefer = [
    { bytes: [10, 0, 0, 0], bits: 8 },
    { bytes: [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], bits: 32 },
  ];
  const cases: [directive: string, settings: LoadbalanceSettings][] = [
    ["loadbalance", PLAIN],
    ["loadbalance round_robin", PLAIN],
    ["loadbalance {\nprefer 10.0.0.0/8 2001:db8::/32\n}", { ...PLAIN, prefer }],
    ["loadbalance weighted /w", weighted],
    ["loadbalance weighted /w {\nreload 5m\n}", { ...weighted, reloadMs: 300_000 }],
    ["loadbalance weighted /w {\nreload 0s\n}", { ...weighted, reloadMs: 0 }],
  ];
  for (const [directive, settings] of cases) {
    const result = readSetup(loadbalanceSetup, directive, { files: { "/w": WEIGHTS } });
    assert.deepEqual(result.problems, [], directive);
    assert.deepEqual(result.settings, settings, directive);
    assert.deepEqual(result.view.plugins, [{ plugin: "loadbalance", settings }]);
  }
});

test("loadbalance says what is wrong", () => {
  const syntax = "loadbalance [round_robin|weighted WEIGHTFILE]";
  const cases: [directives: string, problem: string][] = [
    ["loadbalance random", '2: Cannot read policy: expected round_robin or weighted, got "random"'],
    ["loadbalance round_robin x", `2: Unexpected "x" after "loadbalance": expected ${syntax}`],
    ["loadbalance weighted", `2: Missing argument after "weighted": expected ${syntax}`],
    [
      "loadbalance weighted /missing",
      '2: Cannot read the weight file "/missing": no such file: all addresses have weight 1 until it is there',
    ],
    [
      "loadbalance weighted /missing {\nreload 0s\n}",
      '2: Cannot read the weight file "/missing": no such file',
    ],
    [
      "loadbalance weighted /w {\nreload 5\n}",
      '3: Cannot read reload: expected a duration from 0, such as 30s, got "5": did you mean "5s"?',
    ],
    ["loadbalance {\nreload 5s\n}", '3: Unknown option "reload": expected prefer'],
    ["loadbalance {\nprefer\n}", '3: Missing argument after "prefer": expected prefer CIDR...'],
    [
      "loadbalance {\nprefer 10.0.0.0/33\n}",
      '3: Cannot read prefix: expected a prefix such as 10.0.0.0/8, got "10.0.0.0/33"',
    ],
    // Line 1 of the file.
    ["loadbalance weighted /bad", '1: Unexpected address "192.0.2.1": expected a name before it'],
    [
      "loadbalance\nloadbalance",
      '3: Cannot use "loadbalance" twice in a server block: already at Corefile:2',
    ],
  ];
  for (const [directives, problem] of cases) {
    const { problems } = readSetup(loadbalanceSetup, directives, {
      files: { "/w": "", "/bad": "192.0.2.1 1\n" },
    });
    assert.deepEqual(problems, [problem], directives);
  }
});
