/** A Corefile to a checked configuration, or to all that is wrong with it. */

import { createHash } from "node:crypto";
import {
  PLUGIN_ORDER,
  REMOVED_DIRECTIVES,
  UNSUPPORTED_DIRECTIVES,
} from "../plugins/plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugins/plugin_setup.ts";
import { PLUGIN_NAMES, PLUGINS, type PluginName } from "../plugins/registry.ts";
import { nearestWord } from "../std/nearest_word.ts";
import { checkServers } from "./check_servers.ts";
import { type Config, configSchema, type ServerConfig } from "./config.ts";
import type { Token } from "./lexer.ts";
import { type Directive, parseCorefile, type ServerBlock, type TextOrigin } from "./parser.ts";
import { ConfigError, type Problem, Problems } from "./problem.ts";
import { parseServerKey } from "./server_key.ts";
import { type ConfigSource, systemSource } from "./source.ts";

/** The file that is used when none is named, in the working directory, as in CoreDNS. */
export const DEFAULT_COREFILE = "Corefile";

const DNS_PORT = 53;

/** Plugins that give answers of their own. */
const ANSWERING = ["forward", "hosts", "template", "whoami"];

export interface LoadOptions {
  /** Path of the Corefile; `null` for `./Corefile`; `stdin` for standard input. */
  readonly confFile: string | null;
  /** Port of server blocks that name none. @default {53} */
  readonly dnsPort?: number;
  /**
   * Addresses that will be taken over, canonical: ours, though the machine does not have them yet.
   */
  readonly ownAddresses?: readonly string[];
  /** @default {systemSource} */
  readonly source?: ConfigSource;
  /** A text in place of what is in the file, and where it came from. */
  readonly made?: MadeText;
}

/** A Corefile that was made from others, in memory. */
export interface MadeText extends TextOrigin {
  readonly text: string;
}

export interface LoadResult {
  /** `null` when there is at least one error. */
  readonly config: Config | null;
  /** Errors and warnings in the order of the file. */
  readonly problems: readonly Problem[];
  /**
   * SHA-512 of all words, in hexadecimal, imports and environment resolved: comments and spaces do
   * not count. Of the problems where there is no text.
   */
  readonly hash: string;
}

/** Reads and checks a Corefile to its end. Does not throw for anything that is in it. */
export function loadConfig(options: LoadOptions): LoadResult {
  const { confFile, source = systemSource, made = null } = options;
  const file = confFile ?? DEFAULT_COREFILE;
  const problems = new Problems();
  let text: string;
  try {
    text = made?.text ?? source.readFile(file);
  } catch (error) {
    const message = missingFile(confFile, error as Error);
    problems.error({ file, line: 0, column: 0 }, message);
    return { config: null, problems: problems.sorted(), hash: sha512([message]) };
  }
  const blocks = parseCorefile(text, file, source, problems, made);
  if (blocks.length === 0 && problems.errorCount === 0) {
    const example = 'expected at least one, such as ".:53 { forward . 192.0.2.1 }" on three lines';
    problems.error({ file, line: 0, column: 0 }, `Cannot find a server block: ${example}`);
  }
  const servers = readServers(blocks, problems, options);
  const config = problems.errorCount > 0 ? null : configSchema.parse({ file, servers });
  return { config, problems: problems.sorted(), hash: sha512(wordsOf(blocks)) };
}

/**
 * As `loadConfig`, for callers that cannot go on without.
 *
 * @throws {ConfigError} with all problems when there is at least one error.
 */
export function requireConfig(options: LoadOptions): {
  readonly config: Config;
  readonly warnings: readonly Problem[];
} {
  const { config, problems } = loadConfig(options);
  if (config === null) throw new ConfigError(problems);
  return { config, warnings: problems };
}

function missingFile(confFile: string | null, error: Error): string {
  if (confFile !== null) return `Cannot read the Corefile: ${error.message}`;
  const advice = "name one with -conf FILE, or start where a Corefile is";
  return `Cannot read the Corefile in the current directory: ${error.message}: ${advice}`;
}

/** What a Corefile says, without how it is written. */
function wordsOf(blocks: readonly ServerBlock[]): unknown {
  const texts = (tokens: readonly Token[]) => tokens.map((token) => token.text);
  return blocks.map(({ keys, directives }) => [
    texts(keys),
    directives.map(({ name, args, options }) => [
      texts([name, ...args]),
      options.map((option) => texts([option.name, ...option.args])),
    ]),
  ]);
}

function sha512(value: unknown): string {
  return createHash("sha512").update(JSON.stringify(value)).digest("hex");
}

function readServers(
  blocks: readonly ServerBlock[],
  problems: Problems,
  options: LoadOptions,
): ServerConfig[] {
  const { dnsPort = DNS_PORT, ownAddresses = [], source = systemSource } = options;
  const context = { dnsPort, source, problems };
  const servers = blocks.map((block) => readServer(block, context));
  checkServers(servers, { ...context, ownAddresses });
  return servers;
}

interface ReadContext {
  readonly dnsPort: number;
  readonly source: ConfigSource;
  readonly problems: Problems;
}

function readServer(block: ServerBlock, context: ReadContext): ServerConfig {
  const { file, line, column } = block.keys[0];
  const serves = readKeys(block, context);
  const zones = [...new Set(serves.map((served) => served.zone))];
  const setupContext = { zones, problems: context.problems, source: context.source };
  const plugins = readPlugins(block.directives, setupContext);
  const isAnswered = ({ name }: Directive) => !isPlugin(name.text) || ANSWERING.includes(name.text);
  if (!block.directives.some(isAnswered)) {
    const message = `Server block "${block.keys[0].text}" has no forward: it answers REFUSED`;
    context.problems.warning(block.keys[0], message);
  }
  return { name: block.keys[0].text, place: { file, line, column }, serves, plugins };
}

function readKeys(block: ServerBlock, { dnsPort, problems }: ReadContext): ServerConfig["serves"] {
  const serves = new Map<string, ServerConfig["serves"][number]>();
  for (const token of block.keys) {
    const { key, problem } = parseServerKey(token.text, dnsPort);
    if (key === null) {
      problems.error(token, problem);
      continue;
    }
    for (const zone of key.zones) {
      const what = `dns://${zone}:${key.port}`;
      if (serves.has(what)) {
        problems.error(token, `Cannot serve ${what}: it is already defined in this server block`);
      }
      serves.set(what, { zone, port: key.port });
    }
  }
  return [...serves.values()];
}

/** Plugins read in order of execution, each once, with all directives of its name. */
function readPlugins(
  directives: readonly Directive[],
  context: SetupContext,
): ServerConfig["plugins"] {
  for (const directive of directives) {
    if (!isPlugin(directive.name.text)) rejectDirective(directive, context.problems);
  }
  const settings: Record<string, unknown> = {};
  for (const name of PLUGIN_NAMES) {
    const own = directives.filter((directive) => directive.name.text === name);
    // The registry pairs each name with the setup of just these settings.
    const setup = PLUGINS[name] as PluginSetup<unknown>;
    if (own.length > 0) settings[name] = setup.parse(own, context);
  }
  return settings as ServerConfig["plugins"];
}

function rejectDirective({ name, args }: Directive, problems: Problems): void {
  if (PLUGIN_ORDER.includes(name.text)) {
    const reason = Object.hasOwn(UNSUPPORTED_DIRECTIVES, name.text)
      ? UNSUPPORTED_DIRECTIVES[name.text]
      : "this version does not support it: see nodens version -plugins";
    problems.error(name, `Cannot use "${name.text}": ${reason}`, name.text);
    return;
  }
  const removed = Object.hasOwn(REMOVED_DIRECTIVES, name.text)
    ? REMOVED_DIRECTIVES[name.text]
    : null;
  if (removed !== null) {
    problems.error(name, `Unknown directive "${name.text}": ${removed}`);
    return;
  }
  const nearest = nearestWord(name.text, PLUGIN_ORDER);
  if (nearest !== null) {
    problems.error(name, `Unknown directive "${name.text}": did you mean "${nearest}"?`);
    return;
  }
  const looksLikeKey = /[.:]/.test(name.text) && args.length === 0;
  const hint = looksLikeKey
    ? "is the '}' of the block above missing?"
    : "see nodens version -plugins";
  problems.error(name, `Unknown directive "${name.text}": ${hint}`);
}

function isPlugin(name: string): name is PluginName {
  return Object.hasOwn(PLUGINS, name);
}
