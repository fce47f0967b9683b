/** Reads one `rewrite` rule: its words to settings, or to what is wrong with them. */

import type { Token } from "../../config/lexer.ts";
import type { Place } from "../../config/problem.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import { classCode, rcodeName, typeCode } from "../../wire/constants.ts";
import { nameToWire } from "../../wire/name.ts";
import type { DirectiveReader } from "../directive_reader.ts";
import { GoRegexp, goRegexpProblem } from "../go_regexp.ts";
import { EdnsRuleReader } from "./edns_rule_reader.ts";
import {
  type AnswerRuleSettings,
  MATCH_KINDS,
  type NameMatchSettings,
  type RewriteRule,
} from "./settings.ts";

const FIELDS = ["name", "type", "class", "edns0", "ttl", "cname", "rcode"] as const;
const TTL_SEC_MAX = 2 ** 31 - 1;
const RCODE_MAX = 15;
const ANSWER_SYNTAX = "answer auto, answer name REGEX NAME or answer value REGEX NAME";

export class RuleReader {
  readonly #reader: DirectiveReader;
  readonly #place: Place;
  readonly #isLast: boolean;

  /** @param place of the directive, for what is missing. */
  constructor(reader: DirectiveReader, place: Place, isLast: boolean) {
    this.#reader = reader;
    this.#place = place;
    this.#isLast = isLast;
  }

  /** @param words from FIELD on. @returns null after recording a problem. */
  read(words: readonly Token[]): RewriteRule | null {
    const [first, ...args] = words;
    if (first === undefined) {
      return this.#error(this.#place, "Missing FIELD: expected rewrite [continue|stop] FIELD ...");
    }
    switch (first.text.toLowerCase()) {
      case "name":
        return this.#readName(first, args);
      case "type":
        return this.#readNumbers("type", first, args);
      case "class":
        return this.#readNumbers("class", first, args);
      case "ttl":
        return this.#readTtl(first, args);
      case "rcode":
        return this.#readRcode(first, args);
      case "cname":
        return this.#readCname(first, args);
      case "edns0":
        return new EdnsRuleReader(this.#reader, first, this.#isLast).read(args);
      case "answer":
        return this.#error(
          first,
          "Cannot begin a rule with an answer: expected name ... before it",
        );
      default: {
        const near = suggestWord(first.text, FIELDS);
        const list = `${FIELDS.slice(0, -1).join(", ")} or ${FIELDS.at(-1)}`;
        return this.#error(first, `Unknown field "${first.text}"${near || `: expected ${list}`}`);
      }
    }
  }

  #readName(field: Token, args: readonly Token[]): RewriteRule | null {
    // With two words there is no match type: a name may be called "exact".
    const hasKind = args.length > 2;
    const syntax = "name [exact|prefix|suffix|substring|regex] FROM TO [OPTIONS]";
    if (args.length < 2) return this.#missing(field, args, syntax);
    const match = hasKind ? this.#match(args[0], args[1]) : this.#matchOf("exact", args[0]);
    const [toToken, ...options] = args.slice(hasKind ? 2 : 1);
    if (match === null) return null;
    const to = this.#replacement(match, toToken);
    const answers = this.#answers(options);
    if (to === null || answers === null) return null;
    const isAuto = match.kind === "exact" && !answers.rules.some(({ part }) => part === "name");
    const auto = answers.auto || isAuto;
    const { rules } = answers;
    return { field: "name", isLast: this.#isLast, match, to, auto, answers: rules };
  }

  #readNumbers(field: "type" | "class", word: Token, args: readonly Token[]): RewriteRule | null {
    if (!this.#hasCount(word, args, 2, 2, `${field} FROM TO`)) return null;
    const numbers = args.map((token) => {
      const code = field === "type" ? typeCode(token.text) : classCode(token.text);
      if (code !== undefined) return code;
      const example = field === "type" ? "a record type, such as AAAA" : "a class, such as CH";
      this.#error(token, `Cannot read ${field}: expected ${example}, got "${token.text}"`);
      return null;
    });
    const [from, to] = numbers;
    if (from === null || to === null) return null;
    return { field, isLast: this.#isLast, from, to };
  }

  #readTtl(field: Token, args: readonly Token[]): RewriteRule | null {
    const syntax = "ttl [exact|prefix|suffix|substring|regex] FROM SECONDS";
    if (!this.#hasCount(field, args, 2, 3, syntax)) return null;
    const match = this.#optionalMatch(args, 3);
    const token = args[args.length - 1];
    const range = readRange(token.text);
    if (range === null) {
      const wanted = `expected seconds from 0 to ${TTL_SEC_MAX} or a range such as 30-300`;
      return this.#error(token, `Cannot read TTL: ${wanted}, got "${token.text}"`);
    }
    if (match === null) return null;
    const [ttlSecFrom, ttlSecTo] = range;
    return { field: "ttl", isLast: this.#isLast, match, ttlSecFrom, ttlSecTo };
  }

  #readRcode(field: Token, args: readonly Token[]): RewriteRule | null {
    const syntax = "rcode [exact|prefix|suffix|substring|regex] NAME FROM TO";
    if (!this.#hasCount(field, args, 3, 4, syntax)) return null;
    const match = this.#optionalMatch(args, 4);
    const [from, to] = args.slice(-2).map((token) => this.#rcode(token));
    if (match === null || from === null || to === null) return null;
    return { field: "rcode", isLast: this.#isLast, match, from, to };
  }

  #readCname(field: Token, args: readonly Token[]): RewriteRule | null {
    const syntax = "cname [exact|prefix|suffix|substring|regex] FROM TO";
    if (!this.#hasCount(field, args, 2, 3, syntax)) return null;
    const match = this.#optionalMatch(args, 3);
    if (match === null) return null;
    const to = this.#replacement(match, args[args.length - 1]);
    return to === null ? null : { field: "cname", isLast: this.#isLast, match, to };
  }

  #rcode(token: Token): number | null {
    const isNumber = /^[0-9]+$/.test(token.text);
    for (let rcode = 0; rcode <= RCODE_MAX; rcode++) {
      const isIt = isNumber
        ? Number(token.text) === rcode
        : rcodeName(rcode) === token.text.toUpperCase();
      if (isIt) return rcode;
    }
    const wanted = `expected a name such as NXDOMAIN or a number from 0 to ${RCODE_MAX}`;
    return this.#error(token, `Cannot read RCODE: ${wanted}, got "${token.text}"`);
  }

  /** FROM with the match type before it if there are `full` words. */
  #optionalMatch(args: readonly Token[], full: number): NameMatchSettings | null {
    return args.length === full ? this.#match(args[0], args[1]) : this.#matchOf("exact", args[0]);
  }

  #match(kindToken: Token, from: Token): NameMatchSettings | null {
    const kind = this.#reader.choice(kindToken, "match type", MATCH_KINDS);
    return kind === null ? null : this.#matchOf(kind, from);
  }

  #matchOf(kind: NameMatchSettings["kind"], token: Token): NameMatchSettings | null {
    if (kind === "regex") {
      return this.#isRegexp(token) ? { kind, from: token.text } : null;
    }
    const isWhole = kind === "exact";
    const from = kind === "suffix" || isWhole ? withDot(token.text) : token.text.toLowerCase();
    if (isWhole && !this.#isName(token, from)) return null;
    if (from === "")
      return this.#error(token, `Cannot match an empty ${kind}: expected a part of a name`);
    return { kind, from };
  }

  /** What takes the place of what has matched. */
  #replacement(match: NameMatchSettings, token: Token): string | null {
    const { kind, from } = match;
    if (kind === "regex") {
      return this.#usesGroups(new GoRegexp(from), token) ? withDot(token.text) : null;
    }
    if (kind === "prefix" || kind === "substring") return token.text.toLowerCase();
    const to = withDot(token.text);
    if (kind === "exact" && !this.#isName(token, to)) return null;
    return to;
  }

  #answers(words: readonly Token[]): { auto: boolean; rules: AnswerRuleSettings[] } | null {
    const rules: AnswerRuleSettings[] = [];
    let auto = false;
    let at = 0;
    while (at < words.length) {
      const word = words[at];
      // Only the first needs the word "answer".
      if (word.text === "answer") at += 1;
      else if (at === 0) {
        return this.#error(word, `Unexpected "${word.text}": expected ${ANSWER_SYNTAX}`);
      }
      const part = words[at];
      if (part === undefined) {
        return this.#error(word, `Missing argument after "answer": expected ${ANSWER_SYNTAX}`);
      }
      at += 1;
      if (part.text === "auto") {
        auto = true;
        continue;
      }
      if (part.text !== "name" && part.text !== "value") {
        return this.#error(part, `Unexpected "${part.text}": expected ${ANSWER_SYNTAX}`);
      }
      const rule = this.#answerRule(part.text, part, words.slice(at, at + 2));
      if (rule === null) return null;
      rules.push(rule);
      at += 2;
    }
    if (auto && rules.some(({ part }) => part === "name")) {
      const what = 'Cannot use "answer auto" beside "answer name"';
      return this.#error(words[0], `${what}: both say what names in the answer become`);
    }
    return { auto, rules };
  }

  #answerRule(
    part: "name" | "value",
    word: Token,
    [pattern, to]: readonly Token[],
  ): AnswerRuleSettings | null {
    if (to === undefined) {
      return this.#error(word, `Missing argument after "answer ${part}": expected REGEX NAME`);
    }
    if (!this.#isRegexp(pattern)) return null;
    if (!this.#usesGroups(new GoRegexp(pattern.text), to)) return null;
    return { part, pattern: pattern.text, to: withDot(to.text) };
  }

  #isRegexp(token: Token): boolean {
    const problem = goRegexpProblem(token.text);
    if (problem === null) return true;
    this.#error(token, `Cannot read regular expression "${token.text}": ${problem}`);
    return false;
  }

  /** Whether every `{N}` of the replacement is a group of the expression. */
  #usesGroups(regexp: GoRegexp, token: Token): boolean {
    const groupCount = regexp.groupNames.length - 1;
    for (const [reference, digits] of token.text.matchAll(/\{([0-9]+)\}/g)) {
      if (Number(digits) <= groupCount) continue;
      const has = `"${regexp.pattern}" has ${groupCount}`;
      this.#error(token, `Unknown group ${reference} in "${token.text}": ${has}`);
      return false;
    }
    return true;
  }

  #isName(token: Token, name: string): boolean {
    try {
      nameToWire(name);
      return true;
    } catch (error) {
      const [, why] = (error as Error).message.split(/: (.*)/s);
      this.#error(token, `Cannot read name "${token.text}": ${why}`);
      return false;
    }
  }

  #hasCount(
    field: Token,
    args: readonly Token[],
    min: number,
    max: number,
    syntax: string,
  ): boolean {
    return this.#reader.count({ name: field, args }, { min, max, syntax });
  }

  #missing(field: Token, args: readonly Token[], syntax: string): null {
    this.#reader.count({ name: field, args }, { min: 2, max: 2, syntax });
    return null;
  }

  #error(place: Place, message: string): null {
    this.#reader.error(place, message);
    return null;
  }
}

/** `N`, `N-M`, `N-` or `-M`. */
function readRange(text: string): [min: number, max: number] | null {
  const match = /^([0-9]*)(-?)([0-9]*)$/.exec(text);
  if (match === null) return null;
  const [, low, dash, high] = match;
  if (low === "" && high === "") return null;
  const min = low === "" ? 0 : Number(low);
  const max = dash === "" ? min : high === "" ? TTL_SEC_MAX : Number(high);
  return min <= max && max <= TTL_SEC_MAX ? [min, max] : null;
}

function withDot(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith(".") ? lower : `${lower}.`;
}
