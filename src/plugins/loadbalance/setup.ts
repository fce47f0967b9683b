/** `loadbalance` directives to checked settings. See README.md. */

import type { Directive, OptionLine } from "../../config/parser.ts";
import { parseIpAddress } from "../../std/ip_address.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { durationMs } from "../values.ts";
import { type AddressPrefix, type LoadbalanceSettings, loadbalanceSettings } from "./settings.ts";
import { parseWeightFile } from "./weight_file.ts";

const POLICIES = ["round_robin", "weighted"] as const;
const RELOAD_MS_DEFAULT = 30_000;
const IPV4_BYTES = 4;
const SYNTAX = "loadbalance [round_robin|weighted WEIGHTFILE]";

type Draft = { -readonly [Key in keyof LoadbalanceSettings]: LoadbalanceSettings[Key] };

export const loadbalanceSetup: PluginSetup<LoadbalanceSettings> = {
  name: "loadbalance",
  order: pluginOrder("loadbalance"),
  schema: loadbalanceSettings,
  parse,
  contribute: (settings, view) => void view.plugins.push({ plugin: "loadbalance", settings }),
  followsFile: ({ file, reloadMs }) => file !== undefined && reloadMs > 0,
};

function parse(directives: readonly Directive[], context: SetupContext): LoadbalanceSettings {
  const reader = new DirectiveReader("loadbalance", context.problems);
  const directive = reader.once(directives);
  const settings: Draft = {
    policy: "round_robin",
    prefer: [],
    reloadMs: 0,
    names: [],
  };
  const [policy] = directive.args;
  if (policy !== undefined) {
    settings.policy = reader.choice(policy, "policy", POLICIES) ?? "round_robin";
  }
  const count = settings.policy === "weighted" ? 2 : policy === undefined ? 0 : 1;
  if (!reader.count(directive, { min: count, max: count, syntax: SYNTAX })) return settings;
  if (settings.policy === "weighted") {
    settings.reloadMs = RELOAD_MS_DEFAULT;
    settings.file = directive.args[1].text;
    reader.options(directive, { reload: (line) => readReload(reader, line, settings) });
    readWeights(reader, directive, { settings, context });
  } else {
    reader.options(directive, { prefer: (line) => readPrefer(reader, line, settings) });
  }
  return settings;
}

function readReload(reader: DirectiveReader, line: OptionLine, settings: Draft): void {
  if (!reader.count(line, { min: 1, max: 1, syntax: "reload DURATION" })) return;
  const schema = durationMs(0, "a duration from 0, such as 30s");
  settings.reloadMs = reader.durationMs(line.args[0], "reload", schema) ?? RELOAD_MS_DEFAULT;
}

function readPrefer(reader: DirectiveReader, line: OptionLine, settings: Draft): void {
  const max = Number.POSITIVE_INFINITY;
  if (!reader.count(line, { min: 1, max, syntax: "prefer CIDR..." })) return;
  for (const token of line.args) {
    const prefix = parsePrefix(token.text);
    if (prefix !== null) settings.prefer.push(prefix);
    else {
      const wanted = "expected a prefix such as 10.0.0.0/8";
      reader.error(token, `Cannot read prefix: ${wanted}, got "${token.text}"`);
    }
  }
}

interface Weights {
  readonly settings: Draft;
  readonly context: SetupContext;
}

/** A file that is not there yet may come later, if it is looked at again. */
function readWeights(
  reader: DirectiveReader,
  { args }: Directive,
  { settings, context }: Weights,
): void {
  const token = args[1];
  let text: string;
  try {
    text = context.source.readFile(token.text);
  } catch (error) {
    const what = `Cannot read the weight file "${token.text}": ${(error as Error).message}`;
    if (settings.reloadMs === 0) reader.error(token, what);
    else reader.warning(token, `${what}: all addresses have weight 1 until it is there`);
    return;
  }
  const { names, problems } = parseWeightFile(text);
  settings.names = [...names];
  for (const { line, message } of problems) {
    reader.error({ file: token.text, line, column: 1 }, message);
  }
}

function parsePrefix(text: string): AddressPrefix | null {
  const [, addressText, bitsText] = /^([^/]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const bytes = addressText === undefined ? null : parseIpAddress(addressText);
  if (bytes === null) return null;
  const bits = Number(bitsText);
  return bits > (bytes.length === IPV4_BYTES ? 32 : 128) ? null : { bytes: [...bytes], bits };
}
