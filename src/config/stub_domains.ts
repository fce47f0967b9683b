/**
 * Stub domains of the kube-dns ConfigMap to server blocks, as they would stand in the template.
 *
 * As in node-cache each has `errors`, `cache 30`, `bind` and `forward` by UDP. Beyond it a stub
 * domain is served as `.` is: on its port, where it is bound (without addresses of our own), with
 * its `loop` and `prometheus`, so that these queries are guarded and counted as others are.
 * `reload` is one for the process and stands in the template.
 */

import type { StubDomain } from "./kube_dns_map.ts";
import type { Directive, ServerBlock } from "./parser.ts";
import type { Place, Problems } from "./problem.ts";
import { parseServerKey } from "./server_key.ts";

const CACHE_TTL_SEC = 30;
const INDENT = "    ";

export interface StubContext {
  /** Server blocks of the template, to be like and not to collide with. */
  readonly blocks: readonly ServerBlock[];
  readonly localIps: readonly string[];
  readonly dnsPort: number;
  readonly problems: Problems;
}

/** Text of one server block, and the place that it comes from. */
export interface StubBlock {
  readonly text: string;
  readonly place: Place;
}

/** Server blocks in the order of `domains`; those that the template serves itself are left out. */
export function stubBlocks(domains: readonly StubDomain[], context: StubContext): StubBlock[] {
  const model = modelOf(context);
  const served = servedOf(context);
  return domains.flatMap(({ zone, servers, place }) => {
    if (served.has(`${zone} ${model.port}`)) {
      const why = "the template has a server block for it";
      context.problems.warning(place, `Stub domain "${zone}" has no effect: ${why}`);
      return [];
    }
    const key = zone === "." ? zone : zone.slice(0, -1);
    const lines = [
      "errors",
      `cache ${CACHE_TTL_SEC}`,
      ...model.directives,
      `forward . ${servers.join(" ")}`,
    ];
    const body = lines.map((line) => `${INDENT}${line}\n`).join("");
    return [{ text: `${key}:${model.port} {\n${body}}\n`, place }];
  });
}

/** What stub domains share. */
interface Model {
  readonly port: number;
  /** Texts of `bind` and of what is taken over from the template. */
  readonly directives: readonly string[];
}

/** The block of `.` is the model, or the first one without it. */
function modelOf({ blocks, localIps, dnsPort }: StubContext): Model {
  const portOf = (block: ServerBlock) =>
    block.keys
      .map((token) => parseServerKey(token.text, dnsPort).key)
      .find((key) => key?.zones.includes("."))?.port;
  const model = blocks.find((block) => portOf(block) !== undefined) ?? blocks[0];
  const named = (...names: string[]) =>
    (model?.directives ?? []).filter(({ name }) => names.includes(name.text)).map(write);
  const bind = localIps.length > 0 ? [`bind ${localIps.join(" ")}`] : named("bind");
  const first = model?.keys[0] ?? null;
  const fallback = first === null ? null : parseServerKey(first.text, dnsPort).key;
  const port = (model === undefined ? undefined : portOf(model)) ?? fallback?.port ?? dnsPort;
  return { port, directives: [...bind, ...named("loop", "prometheus")] };
}

function servedOf({ blocks, dnsPort }: StubContext): Set<string> {
  const served = new Set<string>();
  for (const token of blocks.flatMap((block) => block.keys)) {
    const { key } = parseServerKey(token.text, dnsPort);
    for (const zone of key?.zones ?? []) served.add(`${zone} ${key?.port}`);
  }
  return served;
}

/** A directive as a Corefile has it, within a server block. */
function write({ name, args, options }: Directive): string {
  const words = (tokens: readonly { readonly text: string }[]) =>
    tokens.map(({ text }) => quote(text)).join(" ");
  const head = words([name, ...args]);
  if (options.length === 0) return head;
  const lines = options.map(
    (option) => `${INDENT}${INDENT}${words([option.name, ...option.args])}`,
  );
  return [`${head} {`, ...lines, `${INDENT}}`].join("\n");
}

function quote(text: string): string {
  if (text !== "" && !/[\s"#]/u.test(text)) return text;
  return `"${text.replaceAll('"', '\\"')}"`;
}
