/** Options of `forward`: those in effect, and those that existing Corefiles have beside them. */

import type { Token } from "../../config/lexer.ts";
import type { OptionLine } from "../../config/parser.ts";
import type { ConfigSource } from "../../config/source.ts";
import { canonicalIpAddress } from "../../std/ip_address.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import type { DirectiveReader, OptionTable } from "../directive_reader.ts";
import { RCODE_BY_NAME } from "../rcodes.ts";
import { durationMs, wholeNumber } from "../values.ts";
import type { ForwardRule } from "./setup.ts";
import { TlsOptions } from "./tls_options.ts";

const MANY = Number.POSITIVE_INFINITY;
const COUNT = wholeNumber(0, "a whole number from 0");
const INTERVAL = durationMs(0, "a duration from 0, such as 0.5s");
const PERIOD = durationMs(0, "a duration from 0, such as 10s");

/** Writes what option lines say to one rule. */
export class ForwardOptions {
  readonly #reader: DirectiveReader;
  readonly #rule: ForwardRule;
  readonly #source: ConfigSource;
  readonly #tls: TlsOptions;

  /** @param rule with its upstreams. */
  constructor(reader: DirectiveReader, rule: ForwardRule, source: ConfigSource) {
    this.#reader = reader;
    this.#rule = rule;
    this.#source = source;
    this.#tls = new TlsOptions(reader, rule, source);
  }

  /** Call when all lines have been read. */
  finish(): void {
    this.#tls.finish();
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
      next: (line) => {
        rule.nextRcodes.push(...this.#rcodes(line));
      },
      next_on_nodata: (line) => {
        rule.nextOnNodata = this.#alone(line);
      },
      source_address: (line) => this.#sourceAddress(line),
      resolver: (line) => this.#resolver(line),
      doh_method: (line) => {
        if (this.#count(line, 1, 1, "doh_method GET|POST")) {
          this.#reader.error(line.name, "Cannot use doh_method: https is not supported");
        }
      },
      ...this.#tls.table(),
      ...this.#connections(),
    };
  }

  /** How many connections there are, and how long they and attempts last. */
  #connections(): OptionTable {
    const rule = this.#rule;
    return {
      max_connect_attempts: (line) => {
        rule.maxConnectAttempts = this.#integer(line) ?? rule.maxConnectAttempts;
      },
      max_idle_conns: (line) => {
        rule.maxIdleConns = this.#integer(line) ?? rule.maxIdleConns;
      },
      max_age: (line) => {
        rule.maxAgeMs = this.#durationMs(line, "DURATION", PERIOD) ?? rule.maxAgeMs;
      },
      read_timeout: (line) => {
        rule.readTimeoutMs = this.#durationMs(line, "DURATION", PERIOD) ?? rule.readTimeoutMs;
      },
    };
  }

  /** Each family has its own source, so there are two at most. */
  #sourceAddress(line: OptionLine): void {
    if (!this.#count(line, 1, 2, "source_address ADDRESS...")) return;
    const own = this.#source.interfaces().flatMap(({ addresses }) => addresses);
    for (const token of line.args) {
      const address = canonicalIpAddress(token.text);
      if (address === null) {
        const wanted = `expected an IP address of this machine, got "${token.text}"`;
        this.#reader.error(token, `Cannot read ADDRESS of source_address: ${wanted}`);
        continue;
      }
      const isIpv6 = address.includes(":");
      if (this.#rule.sourceAddresses.some((other) => other.includes(":") === isIpv6)) {
        const family = isIpv6 ? "IPv6" : "IPv4";
        this.#reader.error(
          token,
          `Cannot use "${token.text}": there is one ${family} source already`,
        );
        continue;
      }
      if (!own.some((other) => canonicalIpAddress(other) === address)) {
        const why = "this machine does not have it now: no query can leave from there";
        this.#reader.warning(token, `Source address "${token.text}": ${why}`);
      }
      this.#rule.sourceAddresses.push(address);
    }
  }

  /** In CoreDNS it looks up host names in TO, which are an error here. */
  #resolver(line: OptionLine): void {
    if (!this.#count(line, 1, MANY, "resolver ADDRESS...")) return;
    const isEndpoint = ({ text }: Token) =>
      canonicalIpAddress(text.replace(/^\[(.*)\](:[0-9]+)?$|^([^:]+):[0-9]+$/, "$1$3")) !== null;
    const wrong = line.args.find((token) => !isEndpoint(token));
    if (wrong === undefined) this.#reader.noEffect(line.name, line.name.text);
    else {
      const wanted = `expected an IP address or IP:port, got "${wrong.text}"`;
      this.#reader.error(wrong, `Cannot read ADDRESS of resolver: ${wanted}`);
    }
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
