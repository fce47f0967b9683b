/**
 * What tests of plugins share: a server block read from text, queries and requests. Only tests
 * import it.
 */

import assert from "node:assert/strict";
import { parseCorefile } from "../config/parser.ts";
import { formatProblem, Problems } from "../config/problem.ts";
import { type InterfaceAddresses, memorySource } from "../config/source.ts";
import { emptyViewPlan } from "../handoff/plan.ts";
import { pluginCounterKey } from "../handoff/plugin_counters.ts";
import {
  CLASS_IN,
  classCode,
  FLAG_RD,
  HEADER_BYTES,
  HEADER_FLAGS,
  HEADER_QDCOUNT,
  typeCode,
} from "../wire/constants.ts";
import { questionBytes } from "../wire/message.ts";
import { QUERY_OK, Query, readQuery } from "../wire/query.ts";
import type { BackPlugin, StageContext } from "./back_plugin.ts";
import type { FrontPlugin, Request } from "./front_plugin.ts";
import type { GatePlugin } from "./gate_plugin.ts";
import type { PluginSetup, ViewDraft } from "./plugin_setup.ts";
import { createBackPlugins, createFrontPlugins, createGatePlugins } from "./stages.ts";

/** What plugins know of a server block for the root; nothing is counted. */
export const STAGE_CONTEXT: StageContext = {
  zones: ["."],
  randomBelow: () => 0,
  counter: () => ({ add: () => undefined }),
};

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
  /** What plugins count: `NAME LABEL...` to a number. They must have declared it. */
  readonly counts?: Record<string, number>;
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
    assert.ok(formatProblem(problem).startsWith(`${problem.file}:${problem.line}: ${prefix}`));
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
  const [placed] = createFrontPlugins(
    plansOf(setup, directives, options),
    contextOf(setup, directives, options),
  );
  assert.ok(placed !== undefined);
  return placed.plugin;
}

/** The plugin behind the cache that `directives` make in a server block for `zones`. */
export function backPlugin<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions = {},
): BackPlugin {
  const [placed] = createBackPlugins(
    plansOf(setup, directives, options),
    contextOf(setup, directives, options),
  );
  assert.ok(placed !== undefined);
  return placed.plugin;
}

/** The plugin right before the cache that `directives` make. */
export function gatePlugin<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions = {},
): GatePlugin {
  const [placed] = createGatePlugins(
    plansOf(setup, directives, options),
    contextOf(setup, directives, options),
  );
  assert.ok(placed !== undefined);
  return placed.plugin;
}

/** A query as the data plane has read it. */
export function queryOf(name: string, type: number, dnsClass = CLASS_IN): Query {
  const question = questionBytes({ name, type, class: dnsClass });
  const bytes = new Uint8Array(new SharedArrayBuffer(HEADER_BYTES + question.length + 4));
  const view = new DataView(bytes.buffer);
  view.setUint16(HEADER_FLAGS, FLAG_RD);
  view.setUint16(HEADER_QDCOUNT, 1);
  bytes.set(question, HEADER_BYTES);
  const query = new Query();
  assert.equal(readQuery(bytes, view, 0, HEADER_BYTES + question.length, 1, query), QUERY_OK);
  return query;
}

/** A request of the client 192.0.2.77. */
export function requestFor(name: string, type: number, parts: Partial<Request> = {}): Request {
  return {
    name,
    type,
    class: CLASS_IN,
    id: 1,
    recursionDesired: true,
    checkingDisabled: false,
    authenticData: false,
    dnssecOk: false,
    hasOpt: false,
    udpSizeBytes: 512,
    client: {
      address: "192.0.2.77",
      addressBytes: Uint8Array.of(192, 0, 2, 77),
      port: 5300,
      isTcp: false,
    },
    ...parts,
  };
}

/** `NAME TYPE [CLASS]`, as `queryOf`. */
export function queryAsking(question: string): Query {
  const { name, type, class: dnsClass } = requestAsking(question);
  return queryOf(name, type, dnsClass);
}

/** `NAME TYPE [CLASS]`, as `requestFor`. */
export function requestAsking(question: string): Request {
  const [name, type, dnsClass = "IN"] = question.split(" ");
  return requestFor(name!, typeCode(type!)!, { class: classCode(dnsClass)! });
}

/** As a worker gets them: a copy. */
function plansOf<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions,
): ViewDraft["plugins"] {
  return structuredClone(readSetup(setup, directives, options).view.plugins);
}

function contextOf<Settings>(
  setup: PluginSetup<Settings>,
  directives: string,
  options: SetupOptions,
): StageContext {
  const { zones = ["."], counts = {} } = options;
  const { settings } = readSetup(setup, directives, options);
  const declared = (setup.counters?.(settings) ?? []).map(({ name, labels }) =>
    pluginCounterKey(name, labels),
  );
  return {
    ...STAGE_CONTEXT,
    zones,
    counter(name, labels = {}) {
      assert.ok(declared.includes(pluginCounterKey(name, labels)), `${name} is not declared`);
      const key = [name, ...Object.values(labels)].join(" ");
      return {
        add() {
          counts[key] = (counts[key] ?? 0) + 1;
        },
      };
    },
  };
}
