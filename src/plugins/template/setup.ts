/** `template` directives: answers put together from the question. See README.md. */

import * as z from "zod/mini";
import type { Token } from "../../config/lexer.ts";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { TYPE_LABELS } from "../../handoff/metrics_memory.ts";
import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";
import { classCode, TYPE_ANY, typeCode, typeName } from "../../wire/constants.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { goRegexpProblem } from "../go_regexp.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { HEADER_RCODE_BY_NAME } from "../rcodes.ts";
import { wholeNumber, zone } from "../values.ts";
import { checkRecordTemplate } from "./check_record.ts";
import {
  countedClass,
  countedType,
  matches,
  recordFailures,
  templateFailures,
} from "./counters.ts";
import { parseGoTemplate } from "./go_template.ts";
import type { TemplatePlan } from "./plan.ts";

const SECTIONS = ["answer", "additional", "authority"] as const;
const MANY = Number.POSITIVE_INFINITY;
const EDE_CODE = wholeNumber(0, "a code of RFC 8914 from 0", 65_535);

const templateRule = z.object({
  /** `IN`, `ANY` … and `A`, `ANY` …, in capitals. */
  class: z.string(),
  type: z.string(),
  zones: z.array(zone),
  /** Go regular expressions; with none, every name of the zones matches. */
  match: z.array(z.string()),
  /** Go templates that give records. */
  answer: z.array(z.string()),
  additional: z.array(z.string()),
  authority: z.array(z.string()),
  rcode: z.enum(Object.keys(HEADER_RCODE_BY_NAME)),
  ederror: z.nullable(z.object({ code: EDE_CODE, reason: z.string() })),
  /** Zones in which names that match nothing go on; null: none. */
  fallthrough: z.nullable(z.array(zone)),
});

const templateSettings = z.object({ rules: z.array(templateRule) });

type TemplateRule = z.infer<typeof templateRule>;
export type TemplateSettings = z.infer<typeof templateSettings>;

export const templateSetup: PluginSetup<TemplateSettings> = {
  name: "template",
  order: pluginOrder("template"),
  schema: templateSettings,
  parse(directives, context) {
    const reader = new DirectiveReader("template", context.problems);
    return { rules: directives.map((directive) => readRule(reader, directive, context)) };
  },
  counters: ({ rules }) => rules.flatMap(countersOf),
  contribute,
};

function countersOf(rule: TemplateRule): PluginCounterDeclaration[] {
  const code = typeCode(rule.type)!;
  const type = typeName(code);
  const dnsClass = countedClass(classCode(rule.class)!);
  const types = code === TYPE_ANY ? TYPE_LABELS : [countedType(code)];
  return [
    ...types.map((one) => matches({ class: dnsClass, type: one })),
    ...SECTIONS.flatMap((section) =>
      rule[section].flatMap((template) => {
        const labels = { class: dnsClass, type, section, template };
        return [templateFailures(labels), recordFailures(labels)];
      }),
    ),
  ];
}

function readRule(
  reader: DirectiveReader,
  directive: Directive,
  context: SetupContext,
): TemplateRule {
  const rule: TemplateRule = {
    class: "ANY",
    type: "ANY",
    zones: [...context.zones],
    match: [],
    answer: [],
    additional: [],
    authority: [],
    rcode: "NOERROR",
    ederror: null,
    fallthrough: null,
  };
  if (reader.count(directive, { min: 2, max: MANY, syntax: "template CLASS TYPE [ZONE...]" })) {
    const [classToken, typeToken, ...zones] = directive.args;
    rule.class = readCode(reader, classToken!, "CLASS, such as IN or ANY", classCode);
    rule.type = readCode(reader, typeToken!, "TYPE, such as A or ANY", typeCode);
    if (zones.length > 0) rule.zones = reader.zones(zones);
  }
  const records: { section: string; token: Token }[] = [];
  reader.options(directive, {
    match: (line) => readMatch(reader, line, rule),
    answer: (line) => readRecords(reader, line, records),
    additional: (line) => readRecords(reader, line, records),
    authority: (line) => readRecords(reader, line, records),
    rcode: (line) => readRcode(reader, line, rule),
    ederror: (line) => readError(reader, line, rule),
    fallthrough: (line) => {
      rule.fallthrough = line.args.length === 0 ? ["."] : reader.zones(line.args);
    },
    upstream: (line) => reader.noEffect(line.name, "upstream"),
  });
  for (const { section, token } of records) {
    checkRecordTemplate(reader, token, rule);
    rule[section as (typeof SECTIONS)[number]].push(token.text);
  }
  warnOfDenial(reader, directive, rule);
  return rule;
}

function readCode(
  reader: DirectiveReader,
  token: Token,
  what: string,
  codeOf: (name: string) => number | undefined,
): string {
  if (codeOf(token.text) === undefined) {
    reader.error(token, `Cannot read CLASS or TYPE: expected ${what}, got "${token.text}"`);
  }
  return token.text.toUpperCase();
}

function readMatch(reader: DirectiveReader, line: OptionLine, rule: TemplateRule): void {
  if (!reader.count(line, { min: 1, max: MANY, syntax: "match REGEX..." })) return;
  for (const token of line.args) {
    const problem = goRegexpProblem(token.text);
    if (problem !== null) {
      reader.error(token, `Cannot read REGEX of match: ${problem}, got "${token.text}"`);
    }
    rule.match.push(token.text);
  }
}

function readRecords(
  reader: DirectiveReader,
  line: OptionLine,
  records: { section: string; token: Token }[],
): void {
  const section = line.name.text;
  const syntax = `${section} "RECORD"`;
  if (!reader.count(line, { min: 1, max: MANY, syntax })) return;
  for (const token of line.args) records.push({ section, token });
}

function readRcode(reader: DirectiveReader, line: OptionLine, rule: TemplateRule): void {
  if (!reader.count(line, { min: 1, syntax: "rcode CODE" })) return;
  const [token] = line.args;
  const name = token!.text.toUpperCase();
  if (Object.hasOwn(HEADER_RCODE_BY_NAME, name)) {
    rule.rcode = name;
    return;
  }
  const expected = "expected NOERROR, NXDOMAIN, SERVFAIL, REFUSED or another RCODE below 16";
  reader.error(token!, `Cannot read CODE of rcode: ${expected}, got "${token!.text}"`);
}

function readError(reader: DirectiveReader, line: OptionLine, rule: TemplateRule): void {
  if (!reader.count(line, { min: 1, max: 2, syntax: "ederror CODE [REASON]" })) return;
  reader.noEffect(line.name, "ederror");
  const [codeToken, reasonToken] = line.args;
  const code = reader.integer(codeToken!, "CODE of ederror", EDE_CODE);
  if (code !== null) rule.ederror = { code, reason: reasonToken?.text ?? "" };
}

/** NXDOMAIN says that the name has no records at all (RFC 2308 §2.1, RFC 8020). */
function warnOfDenial(reader: DirectiveReader, { name }: Directive, rule: TemplateRule): void {
  if (rule.type !== "AAAA" || rule.rcode !== "NXDOMAIN") return;
  const what = "NXDOMAIN for AAAA denies the name's A records, too, and some clients believe it";
  const soa = '"{{ .Zone }} 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"';
  reader.warning(name, `${what}: use rcode NOERROR with authority ${soa}, or filter_aaaa`);
}

function contribute(settings: TemplateSettings, view: ViewDraft): void {
  const templates = settings.rules.map((rule): TemplatePlan => {
    const parse = (texts: readonly string[]) =>
      texts.map((text) => ({ text, nodes: parseGoTemplate(text) }));
    return {
      class: classCode(rule.class)!,
      type: typeCode(rule.type)!,
      zones: rule.zones,
      match: rule.match,
      answers: parse(rule.answer),
      additionals: parse(rule.additional),
      authorities: parse(rule.authority),
      rcode: HEADER_RCODE_BY_NAME[rule.rcode]!,
      extendedError: rule.ederror === null ? null : { ...rule.ederror },
      fallthrough: rule.fallthrough ?? [],
    };
  });
  view.plugins.push({ plugin: "template", settings: { templates } });
}
