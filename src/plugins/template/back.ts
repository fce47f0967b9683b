/**
 * `template` in the workers: the first template whose class, type, zone and pattern fit a question
 * answers it.
 */

import {
  CLASS_ANY,
  className,
  FLAG_AA,
  RCODE_SERVFAIL,
  TYPE_ANY,
  typeName,
} from "../../wire/constants.ts";
import { type DnsMessage, type DnsRecord, messageFor } from "../../wire/message.ts";
import { parseRecord } from "../../wire/record_text.ts";
import type { BackPlugin } from "../back_plugin.ts";
import type { Request } from "../front_plugin.ts";
import { GoRegexp } from "../go_regexp.ts";
import { ZoneSet } from "../zone_set.ts";
import type { TemplateNode } from "./go_template_nodes.ts";
import { runTemplate, type TemplateValue } from "./go_template_run.ts";
import type { TemplatePlan } from "./plan.ts";

const OPCODE_QUERY = 0;

/** A record that is the same for every question, or the template of one. */
type RecordMaker = DnsRecord | readonly TemplateNode[];

interface Template {
  readonly plan: TemplatePlan;
  readonly zones: ZoneSet;
  readonly patterns: readonly GoRegexp[];
  readonly fallthrough: ZoneSet;
  readonly answers: readonly RecordMaker[];
  readonly additionals: readonly RecordMaker[];
  readonly authorities: readonly RecordMaker[];
}

export class TemplatePlugin implements BackPlugin {
  readonly #templates: readonly Template[];

  constructor({ templates }: { readonly templates: readonly TemplatePlan[] }) {
    this.#templates = templates.map((plan) => ({
      plan,
      zones: new ZoneSet(plan.zones),
      patterns: plan.match.map((pattern) => new GoRegexp(pattern)),
      fallthrough: new ZoneSet(plan.fallthrough),
      answers: plan.answers.map(recordMaker),
      additionals: plan.additionals.map(recordMaker),
      authorities: plan.authorities.map(recordMaker),
    }));
  }

  answer(request: Request): DnsMessage | null {
    for (const template of this.#templates) {
      const { plan } = template;
      if (plan.class !== request.class && plan.class !== CLASS_ANY) continue;
      if (plan.type !== request.type && plan.type !== TYPE_ANY) continue;
      const zone = template.zones.find(request.name);
      if (zone === null) continue;
      const match = matchOf(template, request.name);
      if (match !== null) return answerOf(template, request, dataOf(request, zone, match));
      if (template.fallthrough.find(request.name) === null) return failure(request);
    }
    return null;
  }
}

interface Match {
  readonly pattern: GoRegexp | null;
  readonly groups: readonly string[];
}

function matchOf({ patterns }: Template, name: string): Match | null {
  if (patterns.length === 0) return { pattern: null, groups: [name] };
  for (const pattern of patterns) {
    const groups = pattern.match(name);
    if (groups !== null) return { pattern, groups };
  }
  return null;
}

function answerOf(template: Template, request: Request, data: TemplateValue): DnsMessage {
  const { plan } = template;
  if (plan.rcode === RCODE_SERVFAIL) return failure(request);
  const make = (makers: readonly RecordMaker[]) => makers.map((maker) => recordFrom(maker, data));
  try {
    return messageFor(request, {
      flags: FLAG_AA,
      rcode: plan.rcode,
      answers: make(template.answers),
      authorities: make(template.authorities),
      additionals: make(template.additionals),
    });
  } catch {
    // A TemplateError, or a text that is no record.
    return failure(request);
  }
}

function dataOf(request: Request, zone: string, { pattern, groups }: Match): TemplateValue {
  const group: Record<string, string> = {};
  for (const [number, text] of groups.entries()) group[number] = text;
  for (const [number, text] of groups.entries()) {
    const name = pattern?.groupNames[number] ?? "";
    if (name !== "") group[name] = text;
  }
  const question = { Name: request.name, Qtype: request.type, Qclass: request.class };
  return {
    Zone: zone,
    Name: request.name,
    ID: request.id,
    Class: className(request.class),
    Type: typeName(request.type),
    Regex: pattern?.pattern ?? ".*",
    Match: groups,
    Group: group,
    Remote: request.client.address,
    Question: question,
    Message: {
      Id: request.id,
      Response: false,
      Opcode: OPCODE_QUERY,
      Authoritative: false,
      Truncated: false,
      RecursionDesired: request.recursionDesired,
      RecursionAvailable: false,
      Zero: false,
      AuthenticatedData: request.authenticData,
      CheckingDisabled: request.checkingDisabled,
      Rcode: 0,
      Question: [question],
    },
  };
}

function recordMaker(nodes: readonly TemplateNode[]): RecordMaker {
  const isFixed = nodes.every((node) => node.kind === "text");
  try {
    return isFixed ? parseRecord(runTemplate(nodes, null)) : nodes;
  } catch {
    // Queries find out; the configuration has a warning.
    return nodes;
  }
}

function recordFrom(maker: RecordMaker, data: TemplateValue): DnsRecord {
  return "rdata" in maker ? maker : parseRecord(runTemplate(maker, data));
}

function failure(request: Request): DnsMessage {
  return messageFor(request, { rcode: RCODE_SERVFAIL });
}
