/**
 * `rewrite`: queries become others on their way in, and their answers fit again on the way out.
 *
 * Rules are tried in the order of the Corefile. What they do to the answer is undone in the
 * opposite order, so that the client sees the name that it asked for.
 */

import { RCODE_SERVFAIL, TYPE_CNAME } from "../../wire/constants.ts";
import { type DnsMessage, messageFor } from "../../wire/message.ts";
import { nameToWire, wireToName } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { TextIndex } from "../text_index.ts";
import { applyEdnsRule } from "./edns.ts";
import { createNameMatch, type NameMatch } from "./name_match.ts";
import type { RewriteRule, RewriteSettings, RuleOf } from "./settings.ts";
import {
  nameInData,
  sameName,
  type Undo,
  undoName,
  undoRcode,
  undoTtl,
  withNameInData,
} from "./undo.ts";

/** A rule that fits a request: the request it makes, and what is to be done with the answer. */
interface Applied {
  readonly request: Request;
  /** Turns names back. */
  readonly undo?: Undo;
  /** Changes something else. */
  readonly change?: Undo;
  readonly cname?: CnameRule;
}

interface CnameRule {
  readonly match: NameMatch;
  readonly to: string;
}

interface Rule {
  readonly isLast: boolean;
  readonly apply: (request: Request) => Applied | null;
}

export class RewritePlugin implements FrontPlugin {
  readonly #rules: readonly Rule[];
  readonly #names: TextIndex;
  readonly #expressions: readonly NameMatch[];
  readonly #types: readonly number[];
  readonly #classes: readonly number[];
  /** Some rule is for all queries. */
  readonly #wantsAll: boolean;
  /** All names with escapes are for `handle` to look at. */
  readonly #hasNames: boolean;

  constructor({ rules }: RewriteSettings) {
    this.#rules = rules.map(createRule);
    const matches = rules.flatMap((rule) =>
      rule.field === "name" || rule.field === "ttl" || rule.field === "rcode" ? [rule.match] : [],
    );
    const texts = (kind: string) => matches.filter((it) => it.kind === kind).map((it) => it.from);
    this.#names = new TextIndex({
      whole: texts("exact"),
      prefixes: texts("prefix"),
      suffixes: texts("suffix"),
      substrings: texts("substring"),
    });
    const expressions = matches.filter(({ kind }) => kind === "regex");
    this.#expressions = expressions.map(createNameMatch);
    this.#hasNames = matches.length > expressions.length;
    this.#types = rules.flatMap((rule) => (rule.field === "type" ? [rule.from] : []));
    this.#classes = rules.flatMap((rule) => (rule.field === "class" ? [rule.from] : []));
    this.#wantsAll = rules.some(({ field }) => field === "edns0" || field === "cname");
  }

  wants(query: Query): boolean {
    if (this.#wantsAll) return true;
    for (let index = 0; index < this.#types.length; index++) {
      if (this.#types[index] === query.type) return true;
    }
    for (let index = 0; index < this.#classes.length; index++) {
      if (this.#classes[index] === query.class) return true;
    }
    if (this.#hasNames && this.#names.fits(query)) return true;
    return this.#expressions.length > 0 && this.#fitsExpression(query);
  }

  handle(request: Request, next: Next, done: Done): void {
    let changed = request;
    const undos: Undo[] = [];
    const changes: Undo[] = [];
    const cnames: CnameRule[] = [];
    for (const rule of this.#rules) {
      const applied = rule.apply(changed);
      if (applied === null) continue;
      changed = applied.request;
      if (applied.undo !== undefined) undos.unshift(applied.undo);
      if (applied.change !== undefined) changes.push(applied.change);
      if (applied.cname !== undefined) cnames.push(applied.cname);
      if (rule.isLast) break;
    }
    if (changed.name !== request.name && !isName(changed.name)) {
      done(messageFor(request, { rcode: RCODE_SERVFAIL }));
      return;
    }
    next(changed, (answer) => {
      followCnames(changed, answer, { cnames, next }, (followed) =>
        done(followed && [...undos, ...changes].reduce((message, undo) => undo(message), followed)),
      );
    });
  }

  /** Cold: expressions need the name as text. */
  #fitsExpression(query: Query): boolean {
    const name = wireToName(query.nameBytes.slice(0, query.nameLength));
    return this.#expressions.some((expression) => expression.fits(name));
  }
}

function createRule(rule: RewriteRule): Rule {
  return { isLast: rule.isLast, apply: applier(rule) };
}

function applier(rule: RewriteRule): Rule["apply"] {
  switch (rule.field) {
    case "name":
      return nameApplier(rule);
    case "type":
      return (request) =>
        request.type === rule.from ? { request: { ...request, type: rule.to } } : null;
    case "class":
      return (request) =>
        request.class === rule.from ? { request: { ...request, class: rule.to } } : null;
    case "edns0":
      return (request) => {
        const options = applyEdnsRule(rule, request);
        return options === null ? null : { request: { ...request, options } };
      };
    case "cname": {
      const cname = { match: createNameMatch(rule.match), to: rule.to };
      return (request) => ({ request, cname });
    }
    case "ttl":
      return answerApplier(createNameMatch(rule.match), undoTtl(rule));
    case "rcode":
      return answerApplier(createNameMatch(rule.match), undoRcode(rule));
  }
}

function nameApplier(rule: RuleOf<"name">): Rule["apply"] {
  const match = createNameMatch(rule.match);
  return (request) => {
    const name = match.replace(request.name, rule.to)?.toLowerCase();
    if (name === undefined) return null;
    return { request: { ...request, name }, undo: undoName(rule, request.name, name) };
  };
}

function answerApplier(match: NameMatch, change: Undo): Rule["apply"] {
  return (request) => (match.fits(request.name) ? { request, change } : null);
}

interface Following {
  readonly cnames: readonly CnameRule[];
  readonly next: Next;
}

/**
 * Where the answer leads to a name that a `cname` rule is for, it leads elsewhere: what is there is
 * asked for, and takes the place of what follows.
 */
function followCnames(
  request: Request,
  answer: DnsMessage | null,
  { cnames, next }: Following,
  done: Done,
): void {
  const [rule, ...others] = cnames;
  if (rule === undefined || answer === null) {
    done(answer);
    return;
  }
  const found = findCname(answer, rule);
  if (found === null) {
    followCnames(request, answer, { cnames: others, next }, done);
    return;
  }
  const chain = answer.answers.slice(0, found.index + 1);
  chain[found.index] = withNameInData(chain[found.index], found.target);
  // Who asks for the alias itself does not want what it leads to.
  if (request.type === TYPE_CNAME) {
    const answers = [...chain, ...answer.answers.slice(found.index + 1)];
    followCnames(request, { ...answer, answers }, { cnames: others, next }, done);
    return;
  }
  next({ ...request, name: found.target }, (there) =>
    done(there && { ...there, answers: [...chain, ...there.answers] }),
  );
}

function findCname(
  answer: DnsMessage,
  { match, to }: CnameRule,
): { readonly index: number; readonly target: string } | null {
  for (const [index, record] of answer.answers.entries()) {
    const value = record.type === TYPE_CNAME ? nameInData(record) : null;
    const target = value === null ? null : match.replace(value.toLowerCase(), to)?.toLowerCase();
    if (target == null || !isName(target) || sameName(target, value ?? "")) continue;
    return { index, target };
  }
  return null;
}

function isName(name: string): boolean {
  try {
    nameToWire(name);
    return true;
  } catch {
    return false;
  }
}
