/**
 * `Corefile.base` to a Corefile: the variables that node-cache fills in.
 *
 * Words are replaced, not text: a variable in a comment stays, and an option goes whole, however
 * it is indented. Every place in the result leads back to one in the template.
 */

import { formatEndpoint } from "../std/ip_address.ts";
import { suggestWord } from "../std/nearest_word.ts";
import { lex, type Token } from "./lexer.ts";
import { type Place, Problems } from "./problem.ts";
import { TextPlaces } from "./text_places.ts";

export const UPSTREAM_SERVERS = "__PILLAR__UPSTREAM__SERVERS__";
export const CLUSTER_DNS = "__PILLAR__CLUSTER__DNS__";
export const LOCAL_DNS = "__PILLAR__LOCAL__DNS__";
export const DNS_SERVER = "__PILLAR__DNS__SERVER__";
export const DNS_DOMAIN = "__PILLAR__DNS__DOMAIN__";
export const PROMETHEUS_ENDPOINT = "__PROMETHEUS__ENDPOINT__";

const VARIABLES = [
  UPSTREAM_SERVERS,
  CLUSTER_DNS,
  LOCAL_DNS,
  DNS_SERVER,
  DNS_DOMAIN,
  PROMETHEUS_ENDPOINT,
];

const VARIABLE = /__(?:PILLAR__[A-Z]+(?:__[A-Z]+)*|PROMETHEUS__ENDPOINT)__/g;
const RESOLV_CONF = "/etc/resolv.conf";

/** What variables stand for. */
export interface TemplateValues {
  /** From the ConfigMap of kube-dns; empty is `/etc/resolv.conf`. */
  readonly upstreamServers: readonly string[];
  readonly clusterDns: readonly string[];
  readonly localDns: readonly string[];
  /** Without the final dot. */
  readonly dnsDomain: string;
  /** `0` is no listener: the directive goes. */
  readonly prometheusEndpoint: string;
}

export interface RenderedTemplate {
  readonly text: string;
  placeOf(line: number, column: number): Place;
}

/** Replaces what is from `start` to before `end`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Use {
  readonly name: string;
  readonly token: Token;
  readonly start: number;
}

export class Template {
  readonly #text: string;
  readonly #file: string;
  readonly #places: TextPlaces;
  readonly #tokens: readonly Token[];
  readonly #uses: readonly Use[];

  constructor(text: string, file: string) {
    this.#text = text.replace(/^\uFEFF/, "");
    this.#file = file;
    this.#places = new TextPlaces(this.#text);
    // What is wrong with it is said when the result is read.
    this.#tokens = lex(this.#text, file, new Problems());
    this.#uses = this.#tokens.flatMap((token) => this.#usesIn(token));
  }

  /** Where a variable is first used; `null` when it is not. */
  firstUse(name: string): Place | null {
    return this.#uses.find((use) => use.name === name)?.token ?? null;
  }

  /** Fills in `values`; variables that do not exist are problems, and stay. */
  render(values: TemplateValues, problems: Problems): RenderedTemplate {
    const removals = this.#removals(values);
    const edits = [...removals];
    for (const use of this.#uses) {
      if (!VARIABLES.includes(use.name)) {
        const hint = suggestWord(use.name, VARIABLES) || `: expected ${VARIABLES.join(", ")}`;
        problems.error(use.token, `Unknown variable "${use.name}"${hint}`);
        continue;
      }
      const edit = this.#replacement(use, values);
      if (!removals.some(({ start, end }) => start <= edit.start && edit.end <= end)) {
        edits.push(edit);
      }
    }
    return this.#apply(edits.toSorted((a, b) => a.start - b.start));
  }

  #usesIn(token: Token): Use[] {
    const uses: Use[] = [];
    let from = this.#offsetOf(token);
    for (const [name] of token.text.matchAll(VARIABLE)) {
      const start = this.#text.indexOf(name, from);
      uses.push({ name, token, start });
      from = start + name.length;
    }
    return uses;
  }

  #replacement({ name, start }: Use, values: TemplateValues): Edit {
    const end = start + name.length;
    const addresses = name === LOCAL_DNS ? values.localDns : values.clusterDns;
    if (name === LOCAL_DNS || name === CLUSTER_DNS) {
      return this.#endpoint(start, end, addresses) ?? { start, end, text: addresses.join(" ") };
    }
    const upstreams = values.upstreamServers;
    const texts: Readonly<Record<string, string>> = {
      [UPSTREAM_SERVERS]: upstreams.length === 0 ? RESOLV_CONF : upstreams.join(" "),
      [DNS_SERVER]: "",
      [DNS_DOMAIN]: values.dnsDomain,
      [PROMETHEUS_ENDPOINT]: values.prometheusEndpoint,
    };
    return { start, end, text: texts[name] };
  }

  /**
   * `VARIABLE:8080` and `[VARIABLE]:8080` are one endpoint: the first address, with its brackets.
   */
  #endpoint(start: number, end: number, addresses: readonly string[]): Edit | null {
    const isBracketed = this.#text[start - 1] === "[" && this.#text[end] === "]";
    const portAt = end + (isBracketed ? 1 : 0);
    const port = /^:([0-9]+)/.exec(this.#text.slice(portAt, portAt + ":65535".length))?.[1];
    if (port === undefined || addresses.length === 0) return null;
    const text = formatEndpoint(addresses[0], Number(port));
    return { start: start - (isBracketed ? 1 : 0), end: portAt + 1 + port.length, text };
  }

  /** Directives and options that values make superfluous. */
  #removals(values: TemplateValues): Edit[] {
    const removals: Edit[] = [];
    this.#tokens.forEach((token, at) => {
      if (!token.startsLine) return;
      if (token.text === "forward" && values.upstreamServers.length > 0) {
        removals.push(...this.#forceTcp(at));
      }
      const arg = this.#tokens[at + 1];
      const isMetrics = token.text === "prometheus" && arg?.text === PROMETHEUS_ENDPOINT;
      if (isMetrics && values.prometheusEndpoint === "0") {
        removals.push({ start: this.#offsetOf(token), end: this.#endOf(arg), text: "" });
      }
    });
    return removals;
  }

  /** Servers of the user's own may not speak TCP: node-cache asks them by UDP, and so do we. */
  #forceTcp(forwardAt: number): Edit[] {
    const tokens = this.#tokens;
    let open = forwardAt + 1;
    while (open < tokens.length && tokens[open].text !== "{" && !tokens[open].startsLine) open += 1;
    const args = tokens.slice(forwardAt + 1, open);
    const isOurs = args.some(({ text }) => text.includes(UPSTREAM_SERVERS));
    if (!isOurs || tokens[open]?.text !== "{") return [];
    let close = open + 1;
    while (close < tokens.length && tokens[close].text !== "}") close += 1;
    const options = tokens.slice(open + 1, close);
    const isForceTcp = ({ text, startsLine }: Token) => startsLine && text === "force_tcp";
    const found = options.filter(isForceTcp);
    if (found.length === 0 || close === tokens.length) return [];
    if (found.length === options.length) {
      const start = this.#endOf(tokens[open - 1]);
      return [{ start, end: this.#endOf(tokens[close]), text: "" }];
    }
    return found.map((token) => ({
      start: this.#offsetOf(token),
      end: this.#endOf(token),
      text: "",
    }));
  }

  #offsetOf({ line, column }: Place): number {
    return this.#places.offsetOf(line, column);
  }

  /** End of a token as it is written, quotes included. */
  #endOf(token: Token): number {
    const start = this.#offsetOf(token);
    const quoted = /^"(?:\\.|[^"\\])*"/su.exec(this.#text.slice(start));
    return start + (quoted?.[0].length ?? token.text.length);
  }

  #apply(edits: readonly Edit[]): RenderedTemplate {
    let text = "";
    let from = 0;
    /** Where each piece of the result begins, and where it came from. */
    const pieces: { readonly at: number; readonly from: number; readonly isCopy: boolean }[] = [];
    for (const { start, end, text: replacement } of edits) {
      // One within another comes of a text that is no Corefile anyhow.
      if (start < from) continue;
      pieces.push({ at: text.length, from, isCopy: true });
      text += this.#text.slice(from, start);
      pieces.push({ at: text.length, from: start, isCopy: false });
      text += replacement;
      from = end;
    }
    pieces.push({ at: text.length, from, isCopy: true });
    text += this.#text.slice(from);
    const rendered = new TextPlaces(text);
    const placeOf = (line: number, column: number): Place => {
      const offset = rendered.offsetOf(line, column);
      const piece = pieces.findLast(({ at }) => at <= offset) ?? pieces[0];
      const original = piece.isCopy ? piece.from + offset - piece.at : piece.from;
      return { file: this.#file, ...this.#places.placeOf(original) };
    };
    return { text, placeOf };
  }
}
