/**
 * `template` before the cache: where a template has made an alias, clients also get what there is
 * at its target, since most of them do not ask for it themselves.
 *
 *   client ─ www.example. A ─ cache, template: CNAME web.example.org. ─ web.example.org. A
 */

import {
  CLASS_ANY,
  FLAG_AA,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_ANY,
  TYPE_CNAME,
} from "../../wire/constants.ts";
import type { DnsMessage } from "../../wire/message.ts";
import { foldWireName, isBelow, nameToWire, wireToName } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import { GoRegexp } from "../go_regexp.ts";
import type { TemplateNode } from "./go_template_nodes.ts";
import type { TemplatePlan } from "./plan.ts";

/** Aliases of aliases that are followed. */
const ALIASES_MAX = 8;

interface AliasTemplate {
  readonly class: number;
  readonly type: number;
  readonly zones: readonly Uint8Array[];
  readonly patterns: readonly GoRegexp[];
}

export class TemplateAliasPlugin implements FrontPlugin {
  readonly #templates: readonly AliasTemplate[];

  constructor(plans: readonly TemplatePlan[]) {
    this.#templates = plans.filter(makesAliases).map((plan) => ({
      class: plan.class,
      type: plan.type,
      zones: plan.zones.map((zone) => nameToWire(zone)),
      patterns: plan.match.map((pattern) => new GoRegexp(pattern)),
    }));
  }

  /** Null when no template makes aliases: then queries pass as they always do. */
  static of({ templates }: { readonly templates: readonly TemplatePlan[] }): FrontPlugin | null {
    return templates.some(makesAliases) ? new TemplateAliasPlugin(templates) : null;
  }

  /** Patterns are matched against text: it costs only names in the zones of such templates. */
  wants(query: Query): boolean {
    if (query.type !== TYPE_A && query.type !== TYPE_AAAA) return false;
    return this.#templates.some((template) => fits(template, query));
  }

  handle(request: Request, next: Next, done: Done): void {
    next(request, (answer) => {
      if (answer === null) done(null);
      else follow(request, answer, answer, { next, done, left: ALIASES_MAX });
    });
  }
}

interface Following {
  readonly next: Next;
  readonly done: Done;
  /** Aliases that may still be followed. */
  readonly left: number;
}

/** Asks for what `last` leads to, the end of `whole`, and gives all of it. */
function follow(request: Request, whole: DnsMessage, last: DnsMessage, following: Following): void {
  const { next, done, left } = following;
  const target = ownTarget(request, last);
  if (target === null || left === 0) {
    done(whole);
    return;
  }
  next({ ...request, name: target, isAskedAnew: true }, (found) => {
    if (found === null || (found.rcode !== RCODE_NOERROR && found.rcode !== RCODE_NXDOMAIN)) {
      // The alias alone is worth more than nothing.
      done(whole);
      return;
    }
    const longer: DnsMessage = {
      ...whole,
      // RFC 6604 §3: it is about the name at the end.
      rcode: found.rcode,
      answers: [...whole.answers, ...found.answers],
      authorities: [...whole.authorities, ...found.authorities],
    };
    follow(request, longer, found, { next, done, left: left - 1 });
  });
}

/** Where the alias at the end of an answer of our own leads; null when there is none. */
function ownTarget({ type }: Request, { flags, answers }: DnsMessage): string | null {
  if ((type !== TYPE_A && type !== TYPE_AAAA) || (flags & FLAG_AA) === 0) return null;
  const last = answers.at(-1);
  return last?.type === TYPE_CNAME ? wireToName(foldWireName(last.rdata)) : null;
}

function fits({ class: dnsClass, type, zones, patterns }: AliasTemplate, query: Query): boolean {
  if (dnsClass !== query.class && dnsClass !== CLASS_ANY) return false;
  if (type !== query.type && type !== TYPE_ANY) return false;
  const { nameBytes, nameLength } = query;
  if (!zones.some((zone) => isBelow(zone, nameBytes, nameLength))) return false;
  if (patterns.length === 0) return true;
  const name = wireToName(nameBytes.slice(0, nameLength));
  return patterns.some((pattern) => pattern.test(name));
}

/** Whether an answer may be an alias: `CNAME` stands in a template. */
function makesAliases({ answers, type }: TemplatePlan): boolean {
  if (type !== TYPE_A && type !== TYPE_AAAA && type !== TYPE_ANY) return false;
  return answers.some(({ nodes }) => mentionsAlias(nodes));
}

function mentionsAlias(nodes: readonly TemplateNode[]): boolean {
  return nodes.some((node) => {
    if (node.kind === "text") return /\bCNAME\b/i.test(node.text);
    if (node.kind === "output" || node.kind === "set") return false;
    return mentionsAlias(node.body) || mentionsAlias(node.otherwise);
  });
}
