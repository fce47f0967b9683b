import assert from "node:assert/strict";
import { test } from "node:test";
import type { StubDomain } from "./kube_dns_map.ts";
import { parseCorefile } from "./parser.ts";
import { formatProblem, Problems } from "./problem.ts";
import { memorySource } from "./source.ts";
import { stubBlocks } from "./stub_domains.ts";

const place = { file: "stubDomains", line: 1, column: 2 };

function blocksFor(
  corefile: string,
  domains: readonly Omit<StubDomain, "place">[],
  localIps: readonly string[] = [],
): { text: string; problems: string[] } {
  const problems = new Problems();
  const blocks = stubBlocks(
    domains.map((domain) => ({ ...domain, place })),
    {
      blocks: parseCorefile(corefile, "Corefile", memorySource({})),
      localIps,
      dnsPort: 53,
      problems,
    },
  );
  assert.ok(blocks.every((block) => block.place === place));
  return {
    text: blocks.map(({ text }) => text).join(""),
    problems: problems.sorted().map(formatProblem),
  };
}

const ORG = { zone: "example.org.", servers: ["192.0.2.1", "192.0.2.2:5353"] };

test("stubBlocks() writes a server block as node-cache does, where -localip says", () => {
  const corefile = ". {\n  bind 127.0.0.1\n  reload\n  forward . /etc/resolv.conf\n}\n";
  assert.deepEqual(blocksFor(corefile, [ORG], ["169.254.20.10", "192.0.2.10"]), {
    text: [
      "example.org:53 {",
      "    errors",
      "    cache 30",
      "    bind 169.254.20.10 192.0.2.10",
      "    forward . 192.0.2.1 192.0.2.2:5353",
      "}",
      "",
    ].join("\n"),
    problems: [],
  });
});

test("stubBlocks() serves as the block of the root zone does", () => {
  const corefile = `cluster.local:53 {
  bind 127.0.0.1
}
.:1053 {
  bind lo {
    except ::1
  }
  loop
  prometheus ":9253"
  cache 5
  log
}
`;
  assert.deepEqual(blocksFor(corefile, [ORG]).text.split("\n").slice(0, -1), [
    "example.org:1053 {",
    "    errors",
    "    cache 30",
    "    bind lo {",
    "        except ::1",
    "    }",
    "    loop",
    "    prometheus :9253",
    "    forward . 192.0.2.1 192.0.2.2:5353",
    "}",
  ]);
});

test("stubBlocks() writes what the parser reads back", () => {
  const corefile = '.:1053 {\n  prometheus "a b" "#" "" "q\\"q"\n}\n';
  const { text } = blocksFor(corefile, [ORG, { zone: "a.example.", servers: ["::1"] }]);
  const problems = new Problems();
  const blocks = parseCorefile(text, "Corefile", memorySource({}), problems);
  assert.deepEqual(problems.sorted(), []);
  assert.deepEqual(
    blocks.map(({ keys }) => keys.map((key) => key.text)),
    [["example.org:1053"], ["a.example:1053"]],
  );
  const metrics = blocks[0]?.directives.find(({ name }) => name.text === "prometheus");
  assert.deepEqual(
    metrics?.args.map((arg) => arg.text),
    ["a b", "#", "", 'q"q'],
  );
});

test("stubBlocks() leaves a domain out that the template serves itself, with a warning", () => {
  const corefile = "Example.org example.net:54 {\n}\n. {\n}\n";
  const { text, problems } = blocksFor(corefile, [ORG, { zone: "example.net.", servers: ["::1"] }]);
  assert.deepEqual(problems, [
    'stubDomains:1: Stub domain "example.org." has no effect: the template has a server block for it',
  ]);
  assert.match(text, /^example\.net:53 \{\n/);
});
