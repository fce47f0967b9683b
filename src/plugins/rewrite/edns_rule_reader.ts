/** Reads `edns0` rules of `rewrite`: which option is put into queries for upstreams. */

import type { Token } from "../../config/lexer.ts";
import type { DirectiveReader } from "../directive_reader.ts";
import { wholeNumber } from "../values.ts";
import { OPTION_DATA_BYTES_MAX } from "./edns.ts";
import type { EdnsData, RewriteRule } from "./settings.ts";

const KINDS = ["local", "nsid", "subnet"] as const;
const ACTIONS = ["set", "append", "replace", "unset"] as const;
const VARIABLES = [
  "qname",
  "qtype",
  "client_ip",
  "client_port",
  "protocol",
  "server_ip",
  "server_port",
] as const;
const OPTION_NSID = 3;
const OPTION_SUBNET = 8;
const SYNTAX = {
  local: "edns0 local set|append|replace CODE DATA or edns0 local unset CODE",
  nsid: "edns0 nsid set|append|replace|unset",
  subnet: "edns0 subnet set|append|replace IPV4-BITS IPV6-BITS or edns0 subnet unset",
};
const NO_DATA: EdnsData = { kind: "bytes", bytes: [] };
const ARGUMENTS = { local: 2, nsid: 0, subnet: 2 };
const ARGUMENTS_TO_UNSET = { local: 1, nsid: 0, subnet: 0 };

type EdnsRule = Extract<RewriteRule, { field: "edns0" }>;

export class EdnsRuleReader {
  readonly #reader: DirectiveReader;
  readonly #field: Token;
  readonly #isLast: boolean;

  constructor(reader: DirectiveReader, field: Token, isLast: boolean) {
    this.#reader = reader;
    this.#field = field;
    this.#isLast = isLast;
  }

  read(words: readonly Token[]): EdnsRule | null {
    const [kindToken, actionToken] = words;
    // Options of answers are our own to clients anyhow, so there is nothing to revert.
    const reverts = words.length > 2 && words.at(-1)?.text.toLowerCase() === "revert";
    const args = words.slice(2, reverts ? -1 : undefined);
    if (actionToken === undefined) {
      const syntax = "edns0 local|nsid|subnet ACTION ...";
      this.#reader.count({ name: this.#field, args: words }, { min: 2, max: 2, syntax });
      return null;
    }
    const kind = this.#reader.choice(kindToken, "option", KINDS);
    const action = this.#reader.choice(actionToken, "action", ACTIONS);
    if (kind === null || action === null) return null;
    const count = (action === "unset" ? ARGUMENTS_TO_UNSET : ARGUMENTS)[kind];
    const syntax = SYNTAX[kind];
    if (!this.#reader.count({ name: actionToken, args }, { min: count, max: count, syntax })) {
      return null;
    }
    if (action === "replace") {
      this.#reader.noEffect(
        actionToken,
        `"edns0 ${kind} replace" (options of clients go no further)`,
      );
    }
    const code = kind === "local" ? this.#code(args[0]) : codeOf(kind);
    const data = action === "unset" ? NO_DATA : this.#data(kind, args);
    if (code === null || data === null) return null;
    return { field: "edns0", isLast: this.#isLast, action, code, data };
  }

  #data(kind: "local" | "nsid" | "subnet", args: readonly Token[]): EdnsData | null {
    if (kind === "nsid") return NO_DATA;
    if (kind === "local") return this.#localData(args[1]);
    const ipv4Bits = this.#bits(args[0], 32);
    const ipv6Bits = this.#bits(args[1], 128);
    return ipv4Bits === null || ipv6Bits === null ? null : { kind: "subnet", ipv4Bits, ipv6Bits };
  }

  #bits(token: Token, max: number): number | null {
    const schema = wholeNumber(0, "a number of bits from 0", max);
    return this.#reader.integer(token, "prefix length", schema);
  }

  /** As Go reads it with base 0: decimal, or with 0x, 0o or 0b in front. */
  #code(token: Token): number | null {
    const isNumber = /^(?:0x[0-9a-f]+|0o?[0-7]+|0b[01]+|0|[1-9][0-9]*)$/i.test(token.text);
    const text = token.text.replace(/^0(?=[0-7]+$)/, "0o");
    const code = isNumber ? Number(text) : Number.NaN;
    if (code >= 0 && code <= 0xffff) return code;
    const wanted = "expected a number from 0 to 65535, such as 0xffee";
    this.#reader.error(token, `Cannot read option code: ${wanted}, got "${token.text}"`);
    return null;
  }

  #localData(token: Token): EdnsData | null {
    const { text } = token;
    if (text.startsWith("{") && text.endsWith("}")) return this.#variable(token);
    const bytes = text.startsWith("0x") ? hexBytes(text.slice(2)) : new TextEncoder().encode(text);
    if (bytes === null) {
      const wanted = "expected an even number of hexadecimal digits after 0x";
      this.#reader.error(token, `Cannot read data: ${wanted}, got "${text}"`);
      return null;
    }
    if (bytes.length > OPTION_DATA_BYTES_MAX) {
      const wanted = `expected at most ${OPTION_DATA_BYTES_MAX} bytes`;
      this.#reader.error(token, `Cannot send so much data: ${wanted}, got ${bytes.length}`);
      return null;
    }
    return { kind: "bytes", bytes: [...bytes] };
  }

  #variable(token: Token): EdnsData | null {
    const written = token.text.slice(1, -1);
    const name = VARIABLES.find((variable) => variable === written);
    if (name !== undefined) return { kind: "variable", name };
    if (/^[^/]+\/[^/]+/.test(written)) {
      this.#reader.unsupported(token, token.text);
      return null;
    }
    const list = VARIABLES.map((variable) => `{${variable}}`).join(", ");
    this.#reader.error(token, `Unknown variable "${token.text}": expected one of ${list}`);
    return null;
  }
}

function codeOf(kind: "nsid" | "subnet"): number {
  return kind === "nsid" ? OPTION_NSID : OPTION_SUBNET;
}

function hexBytes(text: string): readonly number[] | null {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) return null;
  return (text.match(/../g) ?? []).map((digits) => Number.parseInt(digits, 16));
}
