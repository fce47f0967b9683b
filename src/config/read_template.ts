/** A reading of the configuration from a template and all that fills it. */

import { dirname } from "node:path";
import { CLUSTER_DOMAIN_DEFAULT, clusterDomain, findClusterDns } from "./cluster_dns.ts";
import {
  DEFAULT_KUBE_DNS_MAP,
  DEFAULT_OUTPUT,
  loadOptions,
  type ReadingContext,
  type UnfinishedReading,
} from "./inputs_reading.ts";
import { type KubeDnsMap, readKubeDnsMap } from "./kube_dns_map.ts";
import { type LoadResult, loadConfig, type MadeText } from "./load.ts";
import { parseCorefile } from "./parser.ts";
import { type Place, type Problem, Problems } from "./problem.ts";
import { stubBlocks } from "./stub_domains.ts";
import {
  CLUSTER_DNS,
  DNS_DOMAIN,
  LOCAL_DNS,
  type RenderedTemplate,
  Template,
  type TemplateValues,
} from "./template.ts";
import { writeCorefile } from "./write_corefile.ts";

/** In place of addresses that are missing, so that the rest can be checked; never used. */
const PLACEHOLDERS = { clusterDns: "192.0.2.53", localDns: "192.0.2.54" };

export interface TemplateText {
  readonly path: string;
  readonly text: string;
}

/** Reads what the template asks for, fills it in and loads the result. */
export async function readTemplate(
  base: TemplateText,
  context: ReadingContext,
): Promise<UnfinishedReading> {
  const { options, snapshot, memory } = context;
  const problems = new Problems();
  const template = new Template(base.text, base.path);
  const directory = options.kubeDnsMap ?? DEFAULT_KUBE_DNS_MAP;
  const map = readKubeDnsMap(directory, snapshot, problems, memory.kubeDnsMap);
  const missing = new Problems();
  const clusterDns = await clusterDnsOf(template, context, missing);
  if (options.localIps.length === 0) complainOfLocalDns(template, missing);
  const values = {
    clusterDns: clusterDns.length > 0 ? clusterDns : [PLACEHOLDERS.clusterDns],
    localDns: options.localIps.length > 0 ? options.localIps : [PLACEHOLDERS.localDns],
    dnsDomain: domainOf(template, context, missing),
    prometheusEndpoint: options.prometheusEndpoint,
  };
  const job: Job = { base, template, values, context, directory, lastGood: memory.kubeDnsMap };
  const { made, result, goodMap } = load(job, map, problems);
  const all = new Problems();
  report([...missing.sorted(), ...problems.sorted()], all);
  const usable = missing.errorCount === 0 ? result : { ...result, config: null };
  const { hash, config } = usable;
  const rendered = missing.errorCount === 0 ? made.text : null;
  return {
    memory: { kubeDnsMap: goodMap ?? memory.kubeDnsMap, clusterDns },
    finish() {
      if (config !== null) write(made.text, base, context, all);
      return { file: base.path, config, problems: all.sorted(), rendered, hash };
    },
  };
}

/** What loading needs whichever values of the ConfigMap are used. */
interface Job {
  readonly base: TemplateText;
  readonly template: Template;
  readonly values: Omit<TemplateValues, "upstreamServers">;
  readonly context: ReadingContext;
  readonly directory: string;
  readonly lastGood: KubeDnsMap | null;
}

interface Loaded {
  readonly made: MadeText;
  readonly result: LoadResult;
  /** The map to remember: the one that a good configuration was made with. */
  readonly goodMap: KubeDnsMap | null;
}

/** With the ConfigMap as it is; where that does not work, as it was; then without. */
function load(job: Job, map: KubeDnsMap, problems: Problems): Loaded {
  const found = new Problems();
  const asItIs = loadWith(job, map, found);
  const isEmpty = map.stubDomains.length === 0 && map.upstreamNameservers.length === 0;
  if (asItIs.result.config !== null || isEmpty) {
    return { ...taken(asItIs, found, problems), goodMap: map };
  }
  const without: KubeDnsMap = { ...map, stubDomains: [], upstreamNameservers: [] };
  const foundWithout = new Problems();
  const asTemplate = loadWith(job, without, foundWithout);
  if (asTemplate.result.config === null) {
    return { ...taken(asTemplate, foundWithout, problems), goodMap: null };
  }
  report(asItIs.result.problems, problems);
  const place = { file: job.directory, line: 0, column: 0 };
  if (job.lastGood !== null) {
    const asBefore = loadWith(job, job.lastGood, new Problems());
    if (asBefore.result.config !== null) {
      problems.warning(place, "The ConfigMap of kube-dns is used as it was before");
      return { ...asBefore, goodMap: null };
    }
  }
  problems.warning(place, "The ConfigMap of kube-dns is left out");
  return { ...asTemplate, goodMap: null };
}

function taken<Value extends Omit<Loaded, "goodMap">>(
  loaded: Value,
  found: Problems,
  problems: Problems,
): Value {
  report([...found.sorted(), ...loaded.result.problems], problems);
  return loaded;
}

function report(list: readonly Problem[], problems: Problems): void {
  for (const problem of list) problems[problem.severity](problem, problem.message, problem.plugin);
}

function loadWith(
  { base, template, values, context }: Job,
  map: KubeDnsMap,
  problems: Problems,
): Omit<Loaded, "goodMap"> {
  const { options, snapshot } = context;
  const upstreamServers = map.upstreamNameservers;
  const rendered = template.render({ ...values, upstreamServers }, problems);
  const directories = importDirectories(outputOf(context), base.path);
  const origin = { placeOf: rendered.placeOf, importDirectories: directories };
  const blocks = stubBlocks(map.stubDomains, {
    blocks: parseCorefile(rendered.text, base.path, snapshot, new Problems(), origin),
    localIps: options.localIps,
    dnsPort: options.dnsPort,
    problems,
  });
  const made = { ...joinTexts(rendered, blocks), importDirectories: directories };
  const loaded = loadConfig({ ...loadOptions(context), confFile: base.path, made });
  const result = problems.errorCount === 0 ? loaded : { ...loaded, config: null };
  return { made, result };
}

/** The template's text and the blocks after it, with the places of both. */
function joinTexts(
  rendered: RenderedTemplate,
  blocks: readonly { readonly text: string; readonly place: Place }[],
): Omit<MadeText, "importDirectories"> {
  let text = rendered.text;
  if (blocks.length > 0 && !text.endsWith("\n")) text += "\n";
  const places: { readonly line: number; readonly place: Place }[] = [];
  let line = text.split("\n").length;
  for (const block of blocks) {
    text += `\n${block.text}`;
    places.push({ line, place: block.place });
    line += block.text.split("\n").length;
  }
  return {
    text,
    placeOf(at, column) {
      const block = places.findLast((one) => one.line <= at);
      return block === undefined ? rendered.placeOf(at, column) : block.place;
    },
  };
}

async function clusterDnsOf(
  template: Template,
  { options, snapshot, memory }: ReadingContext,
  problems: Problems,
): Promise<readonly string[]> {
  const place = template.firstUse(CLUSTER_DNS);
  if (place === null) return memory.clusterDns;
  const { addresses, remark } = await findClusterDns({
    service: options.upstreamService,
    source: snapshot,
    ownAddresses: options.localIps,
    ...(options.lookUp === undefined ? {} : { lookUp: options.lookUp }),
  });
  if (addresses.length > 0) {
    if (remark !== "") problems.warning(place, remark);
    return addresses;
  }
  if (memory.clusterDns.length > 0) {
    problems.warning(place, `${remark}: ${memory.clusterDns.join(" ")} is used as before`);
    return memory.clusterDns;
  }
  problems.error(place, `Cannot find an address for ${CLUSTER_DNS}: ${remark}`);
  return [];
}

function complainOfLocalDns(template: Template, problems: Problems): void {
  const place = template.firstUse(LOCAL_DNS);
  if (place === null) return;
  const advice = "name the addresses of DNS on this node with -localip";
  problems.error(place, `Cannot find an address for ${LOCAL_DNS}: ${advice}`);
}

function domainOf(template: Template, { snapshot }: ReadingContext, problems: Problems): string {
  const place = template.firstUse(DNS_DOMAIN);
  if (place === null) return CLUSTER_DOMAIN_DEFAULT;
  const domain = clusterDomain(snapshot);
  if (domain !== null) return domain;
  const why = "no search list in /etc/resolv.conf has the cluster's domain";
  problems.warning(place, `${DNS_DOMAIN} is taken for ${CLUSTER_DOMAIN_DEFAULT}: ${why}`);
  return CLUSTER_DOMAIN_DEFAULT;
}

function outputOf({ options }: ReadingContext): string {
  return options.confFile ?? options.output ?? DEFAULT_OUTPUT;
}

/** Writes the Corefile where others look for it; nothing of ours depends on that. */
function write(
  text: string,
  base: TemplateText,
  context: ReadingContext,
  problems: Problems,
): void {
  const { confFile, output, isWritten } = context.options;
  if (!isWritten) return;
  const path = outputOf(context);
  const place = { file: path, line: 0, column: 0 };
  if (confFile !== null && output !== null && output !== confFile) {
    problems.warning(place, `The Corefile is written here, by -conf, and not to ${output}`);
  }
  const trouble = path === base.path ? "it is the template" : writeCorefile(path, text);
  if (trouble === null) return;
  problems.warning(place, `Cannot write the Corefile: ${trouble}: it is used from memory alone`);
}

/**
 * Where relative imports of a template are: beside the Corefile, as in node-cache, or beside it.
 */
function importDirectories(output: string, template: string): readonly string[] {
  return [...new Set([dirname(output), dirname(template)])];
}
