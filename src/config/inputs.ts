/**
 * All that a configuration is made of, read as one and watched: the Corefile with its imports, or a
 * template with the ConfigMap of kube-dns and the address of the cluster's DNS.
 *
 * Owns the last good values of what may fail without costing anybody his DNS. Knows nothing of
 * what is done with a configuration.
 */

import type { Config } from "./config.ts";
import {
  DEFAULT_TEMPLATE,
  type InputsMemory,
  type InputsOptions,
  type InputsReading,
  loadOptions,
  type ReadingContext,
  type UnfinishedReading,
} from "./inputs_reading.ts";
import { DEFAULT_COREFILE, type LoadResult, loadConfig } from "./load.ts";
import { ConfigError, type Problem, Problems } from "./problem.ts";
import type { RunOptions } from "./run_options.ts";
import { Snapshot, type WatchedPaths } from "./snapshot.ts";
import { type ConfigSource, STANDARD_INPUT, systemSource } from "./source.ts";
import { watchPaths } from "./watch_paths.ts";

/** What the names of a template's variables begin with. */
const VARIABLE_PREFIX = "__PILLAR__";

/** A ConfigMap that is swapped more often than this while it is read is read as it is then. */
const READINGS_MAX = 5;

export interface Watch {
  stop(): void;
}

export interface Inputs {
  /** Reads everything anew. Does not throw for anything that is read. */
  read(): Promise<InputsReading>;
  /**
   * Calls `onChange` within a second after the contents of anything that the last reading saw have
   * changed; once per change, and again only after another one or another reading.
   */
  watch(onChange: () => void): Watch;
}

/** Of the flags of the server. */
export function inputsOptions(options: RunOptions): InputsOptions {
  const { confFile, dnsPort, nodeCache } = options;
  return {
    confFile,
    dnsPort,
    localIps: nodeCache.localIps,
    template: nodeCache.baseCorefile,
    output: nodeCache.corefile,
    kubeDnsMap: nodeCache.kubeDnsConfigMap,
    upstreamService: nodeCache.upstreamService,
    prometheusEndpoint: nodeCache.prometheusListenAddress,
    isWritten: true,
  };
}

export function createInputs(options: InputsOptions): Inputs {
  const source = withInputOnce(options.source ?? systemSource);
  let memory: InputsMemory = { kubeDnsMap: null, clusterDns: [] };
  let paths: WatchedPaths = { files: [], directories: [] };
  let digest = "";
  return {
    async read() {
      for (let reading = 1; ; reading++) {
        const snapshot = new Snapshot(source);
        const done = await readOnce({ options, snapshot, memory });
        if (!snapshot.isConsistent() && reading < READINGS_MAX) continue;
        memory = done.memory;
        paths = snapshot.paths;
        digest = snapshot.digest();
        return await done.finish();
      }
    },
    watch(onChange) {
      return watchPaths({ paths: () => paths, digest: () => digest, source, onChange });
    },
  };
}

/** Standard input is read once, and is then what it was. */
function withInputOnce(source: ConfigSource): ConfigSource {
  let input: string | null = null;
  return {
    ...source,
    readFile(path) {
      if (path !== STANDARD_INPUT) return source.readFile(path);
      input ??= source.readFile(path);
      return input;
    },
  };
}

/**
 * A reading that a server can start with.
 *
 * @throws {ConfigError} with all problems, when there is none.
 */
export async function requireReading(
  inputs: Inputs,
): Promise<InputsReading & { readonly config: Config }> {
  const reading = await inputs.read();
  if (reading.config === null) throw new ConfigError(reading.problems);
  return { ...reading, config: reading.config };
}

async function readOnce(context: ReadingContext): Promise<UnfinishedReading> {
  const { options, snapshot, memory } = context;
  const template = findTemplate(options, snapshot);
  if (template !== null && template.text !== null) {
    // Only those who use a template have it in memory.
    const { readTemplate } = await import("./read_template.ts");
    return await readTemplate({ path: template.path, text: template.text }, context);
  }
  const confFile = options.confFile ?? options.output;
  const { problems, result } = loadPlain(context, confFile, template);
  const reading: InputsReading = {
    file: confFile ?? DEFAULT_COREFILE,
    config: result.config,
    problems,
    rendered: null,
    hash: result.hash,
  };
  return { memory, finish: () => reading };
}

/** The template in use; its text is `null` when one is named that is not there. */
function findTemplate(
  options: InputsOptions,
  snapshot: Snapshot,
): { readonly path: string; readonly text: string | null } | null {
  const { defaultTemplate = DEFAULT_TEMPLATE } = options;
  const path = options.template ?? defaultTemplate;
  if (path === null || options.confFile === STANDARD_INPUT) return null;
  try {
    return { path, text: snapshot.readFile(path) };
  } catch {
    return options.template === null ? null : { path, text: null };
  }
}

function loadPlain(
  context: ReadingContext,
  confFile: string | null,
  missing: { readonly path: string } | null,
): { readonly problems: readonly Problem[]; readonly result: LoadResult } {
  const { options, snapshot } = context;
  const result = loadConfig({ ...loadOptions(context), confFile });
  const problems = new Problems();
  if (missing !== null) {
    const place = { file: missing.path, line: 0, column: 0 };
    const what = `Cannot read the template of the Corefile: ${reasonOf(snapshot, missing.path)}`;
    if (result.config === null) {
      problems.error(place, `${what}: name the file that holds it with -basecorefile`);
    } else {
      problems.warning(place, `${what}: ${confFile ?? DEFAULT_COREFILE} is used as it stands`);
    }
  }
  if (missing === null && options.kubeDnsMap !== null) {
    const place = { file: options.kubeDnsMap, line: 0, column: 0 };
    const why = "no template is used, and the Corefile says all";
    problems.warning(place, `The ConfigMap of kube-dns has no effect: ${why}`);
  }
  if (result.problems.some(({ message }) => message.includes(VARIABLE_PREFIX))) {
    const place = { file: confFile ?? DEFAULT_COREFILE, line: 0, column: 0 };
    const advice = "name it with -basecorefile, and another file with -conf";
    problems.warning(place, `The file has variables of a template: ${advice}`);
  }
  return { problems: [...problems.sorted(), ...result.problems], result };
}

function reasonOf(snapshot: Snapshot, path: string): string {
  try {
    snapshot.readFile(path);
    return "it is gone again";
  } catch (error) {
    return (error as Error).message;
  }
}
