/**
 * `template` in the workers: the first template whose class, type, zone and pattern fit a question
 * answers it.
 */

import { TYPE_LABELS } from "../../handoff/metrics_memory.ts";
import type { PluginCounter } from "../../handoff/plugin_counters.ts";
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
import type { BackPlugin, StageContext } from "../back_plugin.ts";
import type { Request } from "../front_plugin.ts";
import { GoRegexp } from "../go_regexp.ts";
import { ZoneSet } from "../zone_set.ts";
import {
  countedClass,
  countedType,
  matches,
  recordFailures,
  templateFailures,
} from "./counters.ts";
import type { TemplateNode } from "./go_template_nodes.ts";
import { runTemplate, type TemplateValue } from "./go_template_run.ts";
import type { RecordTemplate, TemplatePlan } from "./plan.ts";

const OPCODE_QUERY = 0;

/** Makes a record from what is known of a question. Throws when it cannot. */
type RecordMaker = (data: TemplateValue) => DnsRecord;

interface Template {
  readonly plan: TemplatePlan;
  readonly zones: ZoneSet;
  readonly patterns: readonly GoRegexp[];
  readonly fallthrough: ZoneSet;
  /** By label `type`. */
  readonly matches: ReadonlyMap<string, PluginCounter>;
  readonly answers: readonly RecordMaker[];
  readonly additionals: readonly RecordMaker[];
  readonly authorities: readonly RecordMaker[];
}

export class TemplatePlugin implements BackPlugin {
  readonly #templates: readonly Template[];

  constructor(
    { templates }: { readonly templates: readonly TemplatePlan[] },
    context: Pick<StageContext, "counter">,
  ) {
    this.#templates = templates.map((plan) => templateOf(plan, context));
  }

  answer(request: Request): DnsMessage | null {
    for (const template of this.#templates) {
      const { plan } = template;
      if (plan.class !== request.class && plan.class !== CLASS_ANY) continue;
      if (plan.type !== request.type && plan.type !== TYPE_ANY) continue;
      const zone = template.zones.find(request.name);
      if (zone === null) continue;
      const match = matchOf(template, request.name);
      if (match !== null) {
        template.matches.get(countedType(request.type))?.add();
        return answerOf(template, request, dataOf(request, zone, match));
      }
      if (template.fallthrough.find(request.name) === null) return failure(request);
    }
    return null;
  }
}

function templateOf(plan: TemplatePlan, { counter }: Pick<StageContext, "counter">): Template {
  const dnsClass = countedClass(plan.class);
  const types = plan.type === TYPE_ANY ? TYPE_LABELS : [countedType(plan.type)];
  const makers = (section: string, templates: readonly RecordTemplate[]) =>
    templates.map(({ text, nodes }) => {
      const labels = { class: dnsClass, type: typeName(plan.type), section, template: text };
      const failures = { template: templateFailures(labels), record: recordFailures(labels) };
      return recordMaker(nodes, {
        template: counter(failures.template.name, labels),
        record: counter(failures.record.name, labels),
      });
    });
  const counted = types.map((type) => {
    const { name, labels } = matches({ class: dnsClass, type });
    return [type, counter(name, labels)] as const;
  });
  return {
    plan,
    zones: new ZoneSet(plan.zones),
    patterns: plan.match.map((pattern) => new GoRegexp(pattern)),
    fallthrough: new ZoneSet(plan.fallthrough),
    matches: new Map(counted),
    answers: makers("answer", plan.answers),
    additionals: makers("additional", plan.additionals),
    authorities: makers("authority", plan.authorities),
  };
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
  const make = (makers: readonly RecordMaker[]) => makers.map((maker) => maker(data));
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

interface Failures {
  /** The template gives no text. */
  readonly template: PluginCounter;
  /** The text is no record. */
  readonly record: PluginCounter;
}

function recordMaker(nodes: readonly TemplateNode[], failures: Failures): RecordMaker {
  const make: RecordMaker = (data) => {
    const text = counting(failures.template, () => runTemplate(nodes, data));
    return counting(failures.record, () => parseRecord(text));
  };
  if (nodes.some((node) => node.kind !== "text")) return make;
  try {
    const record = parseRecord(runTemplate(nodes, null));
    return () => record;
  } catch {
    // Queries find out; the configuration has a warning.
    return make;
  }
}

function counting<Value>(failures: PluginCounter, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    failures.add();
    throw error;
  }
}

function failure(request: Request): DnsMessage {
  return messageFor(request, { rcode: RCODE_SERVFAIL });
}
