/** What tests of plugins share: one server block read from text. Only tests import it. */

import assert from "node:assert/strict";
import { parseCorefile } from "../config/parser.ts";
import { formatProblem, Problems } from "../config/problem.ts";
import { type InterfaceAddresses, memorySource } from "../config/source.ts";
import { emptyViewPlan } from "../handoff/plan.ts";
import type { PluginSetup, ViewDraft } from "./plugin_setup.ts";

export interface SetupResult<Settings> {
  readonly settings: Settings;
  readonly view: ViewDraft;
  /** `LINE: message`, errors and warnings together; line 2 is the first of the directives. */
  readonly problems: readonly string[];
}

export interface SetupOptions {
  readonly zones?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly interfaces?: readonly InterfaceAddresses[];
}

/**
 * Reads `directives` as the body of a server block. Settings without errors must fit the schema.
 */
export function readSetup<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  { zones = ["."], files = {}, interfaces = [] }: SetupOptions = {},
): SetupResult<Settings> {
  const problems = new Problems();
  const source = memorySource(files, { interfaces });
  const blocks = parseCorefile(`.:53 {\n${directives}\n}\n`, "Corefile", source, problems);
  const settings = setup.parse(blocks[0].directives, { zones, problems, source });
  const view: ViewDraft = {
    ...emptyViewPlan(".:53", []),
    zones: [...zones],
    forwards: [],
    plugins: [],
    consolidate: [],
    log: [],
    metadata: [],
    addresses: [],
    timeouts: {},
  };
  if (problems.errorCount === 0) {
    assert.deepEqual(setup.schema.parse(settings), settings, directives);
    setup.contribute(settings, view);
  }
  const prefix = `plugin ${setup.name}: `;
  const texts = problems.sorted().map((problem) => {
    assert.ok(formatProblem(problem).startsWith(`Corefile:${problem.line}: ${prefix}`));
    return `${problem.line}: ${problem.message}`;
  });
  return { settings, view, problems: texts };
}
