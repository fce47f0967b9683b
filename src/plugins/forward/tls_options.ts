/**
 * `tls` and `tls_servername` of `forward`, for those of its upstreams that are `tls://`.
 *
 * Files are looked at here, so that a wrong path is an error of the configuration. They are read
 * again when connections are made: renewed certificates need no reload.
 */

import type { Token } from "../../config/lexer.ts";
import type { OptionLine } from "../../config/parser.ts";
import type { ConfigSource } from "../../config/source.ts";
import type { DirectiveReader, OptionTable } from "../directive_reader.ts";
import type { ForwardRule } from "./setup.ts";
import { isServerName } from "./upstream.ts";

const SYNTAX = "tls [CERT KEY] [CA]";
/** Places of CERT, KEY and CA by the number of arguments; -1 is "not given". */
const PLACES: readonly (readonly [cert: number, key: number, ca: number])[] = [
  [-1, -1, -1],
  [-1, -1, 0],
  [0, 1, -1],
  [0, 1, 2],
];

export class TlsOptions {
  readonly #reader: DirectiveReader;
  readonly #rule: ForwardRule;
  readonly #source: ConfigSource;
  #tls: OptionLine | null = null;
  #serverName: Token | null = null;
  #lines: OptionLine[] = [];

  constructor(reader: DirectiveReader, rule: ForwardRule, source: ConfigSource) {
    this.#reader = reader;
    this.#rule = rule;
    this.#source = source;
  }

  table(): OptionTable {
    return {
      tls: (line) => {
        if (!this.#reader.count(line, { min: 0, max: 3, syntax: SYNTAX })) return;
        this.#lines.push(line);
        this.#tls = line;
      },
      tls_servername: (line) => {
        const syntax = "tls_servername NAME";
        if (!this.#reader.count(line, { min: 1, max: 1, syntax })) return;
        const [name] = line.args;
        if (!isServerName(name.text)) {
          const wanted = `expected a host name, got "${name.text}"`;
          this.#reader.error(name, `Cannot read NAME of tls_servername: ${wanted}`);
          return;
        }
        this.#lines.push(line);
        this.#serverName = name;
      },
    };
  }

  /** Gives the options to the upstreams. Call when all lines have been read. */
  finish(): void {
    const { upstreams } = this.#rule;
    const files = this.#files();
    const isSecure = upstreams.some(({ tls }) => tls !== null);
    if (!isSecure && upstreams.length > 0) {
      for (const { name } of this.#lines) {
        this.#reader.warning(name, `${name.text} has no effect: no upstream here is "tls://"`);
      }
    }
    this.#rule.upstreams = upstreams.map((upstream) => {
      if (upstream.tls === null) return upstream;
      const serverName = this.#nameFor(upstream.tls.serverName);
      return { ...upstream, tls: { serverName, ...files } };
    });
  }

  #nameFor(own: string | null): string | null {
    if (this.#serverName === null) return own;
    if (own !== null) {
      const why = `"%${own}" of an upstream names it, too: write one of the two`;
      this.#reader.error(this.#serverName, `Cannot use tls_servername: ${why}`);
    }
    return this.#serverName.text;
  }

  #files() {
    const words = this.#tls?.args ?? [];
    const [cert, key, ca] = PLACES[words.length]!;
    return {
      certFile: this.#file(words[cert], "CERTIFICATE"),
      keyFile: this.#file(words[key], "PRIVATE KEY"),
      caFile: this.#file(words[ca], "CERTIFICATE"),
    };
  }

  #file(token: Token | undefined, kind: string): string | null {
    if (token === undefined) return null;
    const path = token.text;
    try {
      const isPem = new RegExp(`^-----BEGIN ([A-Z0-9]+ )?${kind}-----`, "m");
      if (isPem.test(this.#source.readFile(path))) return path;
      const wanted = `expected "-----BEGIN ${kind}-----" in it`;
      this.#reader.error(token, `Cannot use "${path}" for tls: ${wanted}`);
    } catch (error) {
      this.#reader.error(token, `Cannot read "${path}" for tls: ${(error as Error).message}`);
    }
    return null;
  }
}
