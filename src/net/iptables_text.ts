/** The text of `iptables-save` and `iptables-restore`: read, quoted, and made comparable. */

import { canonicalIpAddress } from "../std/ip_address.ts";
import { COMMENT_TAG, type Rule } from "./rule.ts";
import type { Family } from "./settings.ts";

/** A rule that is there, whoever made it. */
export interface SavedRule {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  /** Matches and target, without chain and comment. */
  readonly words: readonly string[];
  readonly comment: string | null;
  /** As iptables printed it, from the chain on: what `-D` finds it by. */
  readonly text: string;
}

/**
 * Rules of the text that `iptables-save` prints, in its order. Chains, policies, counters and
 * warnings are passed over.
 *
 * @param isWanted looks at a line before it is taken apart: a node has ten thousands of them.
 */
export function parseSavedRules(
  text: string,
  family: Family,
  isWanted: (line: string) => boolean = () => true,
): SavedRule[] {
  const rules: SavedRule[] = [];
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    const rest = /^(?:\[[0-9]+:[0-9]+\] )?-A (.*)$/.exec(line)?.[1];
    if (rest === undefined || !isWanted(line)) continue;
    const [chain, ...words] = splitWords(rest);
    const [matches, comment] = takeComment(words);
    rules.push({ family, table, chain, words: matches, comment, text: rest });
  }
  return rules;
}

/** Whether a line may hold a rule of ours; `isOurs` is sure. */
export function mentionsUs(line: string): boolean {
  return line.includes(COMMENT_TAG);
}

export function isOurs(rule: SavedRule): boolean {
  return rule.comment?.startsWith(COMMENT_TAG) ?? false;
}

/** What a rule of ours looks like behind `-A CHAIN`, its comment included. */
export function ruleText(rule: Rule): string {
  const jump = rule.words.indexOf("-j");
  const comment = ["-m", "comment", "--comment", `${COMMENT_TAG}${rule.comment}`];
  return rule.words
    .toSpliced(jump, 0, ...comment)
    .map(quote)
    .join(" ");
}

/**
 * One text for all spellings of a rule, so that what we want and what the kernel's tools print for
 * it are equal, whichever of them prints. The comment does not count.
 */
export function ruleKey(rule: Pick<SavedRule, "family" | "table" | "chain" | "words">): string {
  // The target is CT where an iptables does not know the older name.
  const words = rule.words.flatMap((word) => (word === "NOTRACK" ? ["CT", "--notrack"] : word));
  const options = groupOptions(words).map(canonicalOption);
  const counted = options.filter((option) => option !== "");
  return [rule.family, rule.table, rule.chain, ...counted.sort()].join(" ");
}

/** Words as a shell would split them; iptables quotes with `"` and escapes with `\`. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text.matchAll(/(?:"(?:\\.|[^"\\])*"|\\.|[^\s"\\])+/g)) {
    words.push(word.replace(/\\(.)|"/g, "$1"));
  }
  return words;
}

function quote(word: string): string {
  return /^[\w.,:/[\]!-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, "\\$&")}"`;
}

function takeComment(words: readonly string[]): [string[], string | null] {
  const at = words.indexOf("--comment");
  if (at < 0) return [[...words], null];
  const rest = words.toSpliced(at, 2);
  const isNamed = rest[at - 2] === "-m" && rest[at - 1] === "comment";
  return [isNamed ? rest.toSpliced(at - 2, 2) : rest, words[at + 1] ?? ""];
}

interface Option {
  readonly isNegated: boolean;
  readonly name: string;
  readonly values: readonly string[];
}

/** `! -d A` and, as older versions print, `-d ! A` are the same. */
function groupOptions(words: readonly string[]): Option[] {
  const options: { isNegated: boolean; name: string; values: string[] }[] = [];
  let isNegated = false;
  for (const [index, word] of words.entries()) {
    const last = options.at(-1);
    if (word === "!") {
      const isBefore = words[index + 1]?.startsWith("-") ?? false;
      if (isBefore) isNegated = true;
      else if (last !== undefined) last.isNegated = true;
    } else if (word.startsWith("-")) {
      options.push({ isNegated, name: SHORT_NAMES[word] ?? word, values: [] });
      isNegated = false;
    } else {
      last?.values.push(word);
    }
  }
  return options;
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  "--source": "-s",
  "--src": "-s",
  "--destination": "-d",
  "--dst": "-d",
  "--protocol": "-p",
  "--proto": "-p",
  "--jump": "-j",
  "--match": "-m",
  "--source-port": "--sport",
  "--destination-port": "--dport",
};

/** Modules that show in the options they bring; `socket` may bring none. */
const TELLING_MODULES = new Set(["udp", "tcp", "addrtype", "comment", "statistic"]);

/** Empty for what says nothing. */
function canonicalOption({ isNegated, name, values }: Option): string {
  if (name === "-m" && TELLING_MODULES.has(values[0])) return "";
  const text = values.map((value) => canonicalValue(name, value)).join(" ");
  return `${isNegated ? "! " : ""}${name} ${text}`.trimEnd();
}

const PROTOCOL_NAMES: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp" };
const PROBABILITY_DIGITS = 4;

function canonicalValue(name: string, value: string): string {
  switch (name) {
    case "-s":
    case "-d":
      return canonicalBlock(value);
    case "-p":
      return PROTOCOL_NAMES[value] ?? value.toLowerCase();
    case "--probability":
      // The kernel has 31 bits of it: 0.33333 comes back as 0.33332999982.
      return Number(value).toFixed(PROBABILITY_DIGITS);
    default:
      return value;
  }
}

function canonicalBlock(text: string): string {
  const [host, mask] = text.split("/");
  const address = canonicalIpAddress(host) ?? host;
  const isWhole = mask === undefined || mask === "255.255.255.255";
  return `${address}/${isWhole ? (address.includes(":") ? 128 : 32) : mask}`;
}
