import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { autopathSetup } from "./setup.ts";

const FILES = {
  "/search": "nameserver 192.0.2.53\ndomain old.org\nsearch Example.org. svc.example.org\n",
  "/domain": "search old.org\ndomain example.org\n",
  "/empty": "nameserver 192.0.2.53\n",
  "/bad": "options ndots:5\nsearch a..b c.org\n",
};

test("autopath reads zones and the search list of a file", () => {
  const search = ["example.org.", "svc.example.org."];
  const cases: [directive: string, settings: object][] = [
    ["autopath /search", { zones: ["b.org."], search, file: "/search" }],
    ["autopath /domain", { zones: ["b.org."], search: ["example.org."], file: "/domain" }],
    [
      "autopath A.org 10.0.0.0/8 /search",
      { zones: ["a.org.", "10.in-addr.arpa."], search, file: "/search" },
    ],
  ];
  for (const [directive, settings] of cases) {
    const result = readSetup(autopathSetup, directive, { zones: ["b.org."], files: FILES });
    assert.deepEqual(result.problems, [], directive);
    assert.deepEqual(result.settings, settings, directive);
    assert.deepEqual(result.view.plugins, [{ plugin: "autopath", settings }]);
  }
});

test("autopath says what is wrong", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["autopath", ['2: Missing argument after "autopath": expected autopath [ZONE...] RESOLV-CONF']],
    [
      "autopath @kubernetes",
      [
        '2: Cannot take the search list from "@kubernetes": it would need the API server: expected a file with a search list',
      ],
    ],
    ["autopath /missing", ['2: Cannot read "/missing": no such file']],
    [
      "autopath /empty",
      [
        '2: Found no search list in "/empty": expected a line such as "search default.svc.cluster.local svc.cluster.local cluster.local"',
      ],
    ],
    ["autopath /bad", ['2: Cannot read domain "a..b": expected no empty label']],
    ["autopath a..b /search", ['2: Cannot read zone "a..b": expected no empty label']],
    ["autopath /search {\nx\n}", ['3: Unknown option "x": "autopath" takes none']],
    [
      "autopath /search\nautopath /search",
      ['3: Cannot use "autopath" twice in a server block: already at Corefile:2'],
    ],
  ];
  for (const [directives, problems] of cases) {
    const result = readSetup(autopathSetup, directives, { files: FILES });
    assert.deepEqual(result.problems, problems, directives);
  }
});
