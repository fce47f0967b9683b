import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { hostsSetup } from "./setup.ts";

const FILES = { "/etc/hosts": "127.0.0.1 localhost\n", "/h": "192.0.2.1 a b # c\n" };
const DEFAULTS = {
  file: "/etc/hosts",
  zones: ["."],
  entries: "127.0.0.1 localhost.",
  ttlSec: 3600,
  reverse: true,
  reloadMs: 5000,
  fallthrough: null,
  fallthroughUnsupported: false,
};

test("hosts reads its directive", () => {
  const cases: [directives: string, settings: object][] = [
    ["hosts", {}],
    ["hosts /h", { file: "/h", entries: "192.0.2.1 a. b." }],
    [
      "hosts /h Example.ORG a.net",
      { file: "/h", entries: "192.0.2.1 a. b.", zones: ["example.org.", "a.net."] },
    ],
    [
      "hosts {\n192.0.2.7 www.example.org Www\n2001:DB8::7%eth0 www\nfallthrough\n}",
      {
        entries: "127.0.0.1 localhost.\n192.0.2.7 www.example.org. www.\n2001:db8::7 www.",
        fallthrough: ["."],
      },
    ],
    ["hosts {\nttl 60\nno_reverse\n}", { ttlSec: 60, reverse: false }],
    ["hosts {\nreload 300ms\n}", { reloadMs: 300 }],
    ["hosts {\nreload 0\n}", { reloadMs: 0 }],
    [
      "hosts {\nfallthrough in-addr.arpa\nfallthrough_unsupported\n}",
      { fallthrough: ["in-addr.arpa."], fallthroughUnsupported: true },
    ],
  ];
  for (const [directives, expected] of cases) {
    const { settings, problems } = readSetup(hostsSetup, directives, { files: FILES });
    assert.deepEqual(problems, [], directives);
    assert.deepEqual(settings, { ...DEFAULTS, ...expected }, directives);
  }
});

test("hosts takes a missing file for an empty one, with a warning", () => {
  const { settings, problems } = readSetup(hostsSetup, "hosts /none {\n192.0.2.1 a\n}");
  assert.deepEqual(problems, ['2: Cannot read "/none": no such file: it has no entries']);
  assert.equal(settings.entries, "192.0.2.1 a.");
});

test("hosts says what is wrong with its directive", () => {
  const cases: [directives: string, problems: string[]][] = [
    ["hosts\nhosts", ['3: Cannot use "hosts" twice in a server block: already at Corefile:2']],
    [
      "hosts {\nttl 0\n}",
      [
        '3: Cannot read SECONDS of ttl: expected a whole number of seconds from 1 to 65535, got "0"',
      ],
    ],
    ["hosts {\nttl\n}", ['3: Missing argument after "ttl": expected ttl SECONDS']],
    [
      "hosts {\nreload 5\n}",
      [
        '3: Cannot read DURATION of reload: expected a duration from 0, such as 5s, got "5": did you mean "5s"?',
      ],
    ],
    ["hosts {\nno_revers\n}", ['3: Unknown option "no_revers": did you mean "no_reverse"?']],
    [
      "hosts {\nfallthrough_unsupported\n}",
      ["3: Cannot use fallthrough_unsupported without fallthrough"],
    ],
  ];
  for (const [directives, expected] of cases) {
    const { problems } = readSetup(hostsSetup, directives, { files: FILES });
    assert.deepEqual(problems, expected, directives);
  }
});

test("hosts has a gauge of entries in its zones, in both directions", () => {
  const lines = "192.0.2.1 a.example.org b.example.org www.com\n192.0.2.2 *.example.org";
  const entries = (options: string) => {
    const { settings } = readSetup(hostsSetup, `hosts /h example.org {\n${options}\n}`, {
      files: { "/h": lines },
    });
    return hostsSetup.gauges?.(settings)[0];
  };
  const help = "The combined number of entries in hosts and Corefile.";
  const name = "coredns_hosts_entries";
  assert.deepEqual(entries(""), { name, help, value: 5 });
  assert.deepEqual(entries("no_reverse"), { name, help, value: 3 });
  assert.deepEqual(entries("192.0.2.3 c.example.org"), { name, help, value: 7 });
});

test("hosts leaves a line out whose address is none, and says so", () => {
  const lines = "1.2.3.400 foo\nfe80:::1 bar\n192.0.2.1 good";
  const { settings, problems } = readSetup(hostsSetup, `hosts /h {\n${lines}\n}`, { files: FILES });
  assert.equal(settings.entries, "192.0.2.1 a. b.\n192.0.2.1 good.");
  assert.deepEqual(problems, [
    '3: "1.2.3.400" is no address: the line is left out, as in CoreDNS',
    '4: "fe80:::1" is no address: the line is left out, as in CoreDNS',
  ]);
});
