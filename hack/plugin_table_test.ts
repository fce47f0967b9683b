import assert from "node:assert/strict";
import { test } from "node:test";
import { withPluginTable } from "./plugin_table.ts";

const README = `# a

<!-- plugins: written by hack/plugin_table.ts -->
old
<!-- end of plugins -->
rest
`;

const page = (name: string, code: string, bugs: string) => ({
  name,
  code,
  text: `# ${name}

## Name

*${name}* - does
what it does.

## Syntax

## Bugs

${bugs}

## See also
`,
});

test("withPluginTable() makes rows of manual pages, in order of execution", () => {
  const pages = [
    page("forward", "", "One [bug](../log/README.md)\nwith a | in it.\n\nMore."),
    page("special", "reader.unsupported(a); reader.noEffect(b);", "None."),
    page("errors", "reader.noEffect(a);", "None so far."),
  ];
  const table = withPluginTable(README, pages);
  const lines = table.split("\n");
  assert.deepEqual(lines.slice(3, 9), [
    "| plugin | what it does | options | remarks |",
    "| --- | --- | --- | --- |",
    "| [errors](src/plugins/errors/README.md) | does what it does | some have no effect |  |",
    "| [forward](src/plugins/forward/README.md) | does what it does | all " +
      "| One [bug](src/plugins/log/README.md) with a \\| in it. |",
    "| [special](src/plugins/special/README.md) | does what it does " +
      "| some are refused, some have no effect |  |",
    "",
  ]);
  assert.match(lines[9] ?? "", /^Directives .*: `root`, .*`whoami`.*\.$/);
  assert.doesNotMatch(lines[9] ?? "", /`forward`/);
  assert.ok(table.endsWith("\n<!-- end of plugins -->\nrest\n"));
  assert.equal(withPluginTable(table, pages), table);
});

test("withPluginTable() says what it cannot find", () => {
  assert.throws(() => withPluginTable("# a\n", []), /Cannot find the table's place/);
  const nameless = { name: "a", code: "", text: "## Name\n\na\n" };
  assert.throws(() => withPluginTable(README, [nameless]), /Cannot read Name of plugin a/);
});
