/** Options of `forward`: those in effect, and those that existing Corefiles have beside them. */

import type { OptionLine } from "../../config/parser.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import type { DirectiveReader, OptionTable } from "../directive_reader.ts";
import { durationMs, wholeNumber } from "../values.ts";
import { RCODE_BY_NAME } from "./rcodes.ts";
import type { ForwardRule } from "./setup.ts";

const MANY = Number.POSITIVE_INFINITY;
const COUNT = wholeNumber(0, "a whole number from 0");
const INTERVAL = durationMs(0, "a duration from 0, such as 0.5s");
const PERIOD = durationMs(0, "a duration from 0, such as 10s");

/** Writes what option lines say to one rule. */
export class ForwardOptions {
  readonly #reader: DirectiveReader;
  readonly #rule: ForwardRule;

  constructor(reader: DirectiveReader, rule: ForwardRule) {
    this.#reader = reader;
    this.#rule = rule;
  }

  table(): OptionTable {
    const rule = this.#rule;
    return {
      except: (line) => {
        if (!this.#count(line, 1, MANY, "except ZONES...")) return;
        rule.except.push(...this.#reader.zones(line.args));
      },
      force_tcp: (line) => {
        rule.forceTcp = this.#alone(line);
      },
      prefer_udp: (line) => {
        rule.preferUdp = this.#alone(line);
      },
      expire: (line) => {
        rule.expireMs = this.#durationMs(line, "DURATION", PERIOD) ?? rule.expireMs;
      },
      max_fails: (line) => {
        rule.maxFails = this.#integer(line) ?? rule.maxFails;
      },
      policy: (line) => this.#policy(line),
      health_check: (line) => this.#healthCheck(line),
      max_concurrent: (line) => {
        rule.maxConcurrent = this.#integer(line) ?? rule.maxConcurrent;
      },
      failfast_all_unhealthy_upstreams: (line) => {
        rule.failfastAllUnhealthy = this.#alone(line);
      },
      failover: (line) => {
        rule.failoverRcodes.push(...this.#rcodes(line));
      },
      ...this.#withoutEffect(),
      ...this.#unsupported(),
    };
  }

  /** Options that tune how CoreDNS keeps connections: no answer changes without them. */
  #withoutEffect(): OptionTable {
    const noEffect = (line: OptionLine) => this.#reader.noEffect(line.name, line.name.text);
    return {
      max_connect_attempts: (line) => {
        if (this.#integer(line) !== null) noEffect(line);
      },
      max_idle_conns: (line) => {
        if (this.#integer(line) !== null) noEffect(line);
      },
      max_age: (line) => {
        if (this.#durationMs(line, "DURATION", PERIOD) !== null) noEffect(line);
      },
      read_timeout: (line) => {
        if (this.#durationMs(line, "DURATION", PERIOD) !== null) noEffect(line);
      },
    };
  }

  /** Options without which clients would get other answers, or queries travel in clear text. */
  #unsupported(): OptionTable {
    const unsupported = (line: OptionLine) => this.#reader.unsupported(line.name, line.name.text);
    const refuse = (min: number, max: number, syntax: string) => (line: OptionLine) => {
      if (this.#count(line, min, max, syntax)) unsupported(line);
    };
    return {
      tls: refuse(0, 3, "tls [CERT KEY] [CA]"),
      tls_servername: refuse(1, 1, "tls_servername NAME"),
      next: (line) => {
        if (this.#rcodes(line).length > 0) unsupported(line);
      },
      next_on_nodata: refuse(0, 0, "next_on_nodata alone"),
      doh_method: refuse(1, 1, "doh_method GET|POST"),
      source_address: refuse(1, MANY, "source_address ADDRESS..."),
      resolver: refuse(1, MANY, "resolver ADDRESS..."),
    };
  }

  #policy(line: OptionLine): void {
    const words = ["random", "round_robin", "sequential"] as const;
    if (!this.#count(line, 1, 1, "policy random|round_robin|sequential")) return;
    this.#rule.policy = this.#reader.choice(line.args[0], "policy", words) ?? "random";
  }

  #healthCheck(line: OptionLine): void {
    const syntax = "health_check DURATION [no_rec] [domain FQDN]";
    if (!this.#count(line, 1, 4, syntax)) return;
    const check = this.#rule.healthCheck;
    const [durationToken, ...rest] = line.args;
    const interval = this.#reader.durationMs(durationToken, "DURATION of health_check", INTERVAL);
    check.intervalMs = interval ?? check.intervalMs;
    for (let at = 0; at < rest.length; at += 1) {
      const token = rest[at];
      if (token.text === "no_rec") {
        check.recursionDesired = false;
      } else if (token.text === "domain" && rest[at + 1] !== undefined) {
        at += 1;
        check.domain = this.#reader.zones([rest[at]])[0] ?? check.domain;
      } else if (token.text === "domain") {
        this.#reader.error(token, `Missing argument after "domain": expected ${syntax}`);
      } else {
        const near = suggestWord(token.text, ["no_rec", "domain"]) || `: expected ${syntax}`;
        this.#reader.error(token, `Unknown option "${token.text}" of health_check${near}`);
      }
    }
  }

  #rcodes(line: OptionLine): number[] {
    const name = line.name.text;
    if (!this.#count(line, 1, MANY, `${name} RCODE...`)) return [];
    const codes: number[] = [];
    for (const token of line.args) {
      const code = RCODE_BY_NAME[token.text.toUpperCase()];
      if (code === undefined) {
        const near = suggestWord(token.text, Object.keys(RCODE_BY_NAME));
        const wanted = "expected a name such as SERVFAIL";
        this.#reader.error(
          token,
          `Cannot read RCODE of ${name}: ${wanted}, got "${token.text}"${near}`,
        );
      } else if (code === 0) {
        this.#reader.error(token, `Cannot use NOERROR with ${name}: it is no failure`);
      } else {
        codes.push(code);
      }
    }
    return codes;
  }

  #alone(line: OptionLine): boolean {
    return this.#count(line, 0, 0, `${line.name.text} alone`);
  }

  #integer(line: OptionLine): number | null {
    const name = line.name.text;
    if (!this.#count(line, 1, 1, `${name} NUMBER`)) return null;
    return this.#reader.integer(line.args[0], `NUMBER of ${name}`, COUNT);
  }

  #durationMs(line: OptionLine, what: string, schema: typeof PERIOD): number | null {
    const name = line.name.text;
    if (!this.#count(line, 1, 1, `${name} ${what}`)) return null;
    return this.#reader.durationMs(line.args[0], `${what} of ${name}`, schema);
  }

  #count(line: OptionLine, min: number, max: number, syntax: string): boolean {
    return this.#reader.count(line, { min, max, syntax });
  }
}
