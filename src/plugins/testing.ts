/** What tests of plugins share: one server block read from text. Only tests import it. */

import assert from "node:assert/strict";
import { parseCorefile } from "../config/parser.ts";
import { formatProblem, Problems } from "../config/problem.ts";
import { type InterfaceAddresses, memorySource } from "../config/source.ts";
import { emptyViewPlan } from "../handoff/plan.ts";
import { classCode, HEADER_BYTES, HEADER_QDCOUNT, typeCode } from "../wire/constants.ts";
import { questionBytes } from "../wire/message.ts";
import { QUERY_OK, Query, readQuery } from "../wire/query.ts";
import type { BackPlugin } from "./back_plugin.ts";
import type { FrontPlugin, Request } from "./front_plugin.ts";
import type { GatePlugin } from "./gate_plugin.ts";
import type { PluginSetup, ViewDraft } from "./plugin_setup.ts";
import { createBackPlugins, createFrontPlugins, createGatePlugins } from "./stages.ts";

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

/** The plugin before the cache that `directives` make in a server block for `zones`. */
export function frontPlugin<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions = {},
): FrontPlugin {
  const [plugin] = createFrontPlugins(plansOf(setup, directives, options), context(options));
  assert.ok(plugin !== undefined);
  return plugin;
}

/** The plugin behind the cache that `directives` make in a server block for `zones`. */
export function backPlugin<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions = {},
): BackPlugin {
  const [plugin] = createBackPlugins(plansOf(setup, directives, options), context(options));
  assert.ok(plugin !== undefined);
  return plugin;
}

/** The plugin right before the cache that `directives` make. */
export function gatePlugin<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions = {},
): GatePlugin {
  const [plugin] = createGatePlugins(plansOf(setup, directives, options), context(options));
  assert.ok(plugin !== undefined);
  return plugin;
}

/** `NAME TYPE`, as workers read it. */
export function queryFor(question: string): Query {
  const asked = questionBytes(requestFor(question));
  const bytes = new Uint8Array(new SharedArrayBuffer(HEADER_BYTES + asked.length));
  bytes.set(asked, HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(HEADER_QDCOUNT, 1);
  const query = new Query();
  assert.equal(readQuery(bytes, view, 0, bytes.length, 0, query), QUERY_OK);
  return query;
}

/** `NAME TYPE [CLASS]`, asked by 192.0.2.7 by UDP. */
export function requestFor(question: string): Request {
  const [name, type, dnsClass = "IN"] = question.split(" ");
  return {
    name: name!,
    type: typeCode(type!)!,
    class: classCode(dnsClass)!,
    id: 7,
    recursionDesired: true,
    checkingDisabled: false,
    authenticData: false,
    dnssecOk: false,
    hasOpt: false,
    udpSizeBytes: 512,
    client: {
      address: "192.0.2.7",
      addressBytes: Uint8Array.of(192, 0, 2, 7),
      port: 32_768,
      isTcp: false,
    },
  };
}

/** As a worker gets them: a copy. */
function plansOf<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions,
): ViewDraft["plugins"] {
  return structuredClone(readSetup(setup, directives, options).view.plugins);
}

function context({ zones = ["."] }: SetupOptions) {
  return { zones, randomBelow: () => 0 };
}
