/** What rules do to answers: names become the client's again, TTLs and rcodes others. */

import {
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_MX,
  TYPE_NAPTR,
  TYPE_NS,
  TYPE_PTR,
  TYPE_SOA,
  TYPE_SRV,
} from "../../wire/constants.ts";
import type { DnsMessage, DnsRecord } from "../../wire/message.ts";
import { nameToWire, wireToName } from "../../wire/name.ts";
import { rdataFirstName } from "../../wire/rdata.ts";
import { joinBytes } from "../../wire/rdata_parts.ts";
import { GoRegexp } from "../go_regexp.ts";
import { replaceWhole } from "./name_match.ts";
import type { AnswerRuleSettings, RuleOf } from "./settings.ts";

/** Changes an answer on its way to the client. */
export type Undo = (answer: DnsMessage) => DnsMessage;
type Rename = (name: string) => string;

/** Types of whose data the first name is the one that matters. */
const VALUE_TYPES = new Set([
  ...[TYPE_CNAME, TYPE_DNAME, TYPE_MX, TYPE_NAPTR, TYPE_NS, TYPE_PTR, TYPE_SOA, TYPE_SRV],
]);

/** For a `name` rule that made `to` of `from`. */
export function undoName(rule: RuleOf<"name">, from: string, to: string): Undo {
  const renames = answerRenames(rule);
  const hasNameRule = rule.answers.some(({ part }) => part === "name");
  const back = renameBelow(to, from);
  const ending = rule.match.kind === "suffix" ? renameEnding(rule.to, rule.match.from) : back;
  return (answer) =>
    mapRecords(answer, (record) => {
      let owner = record.name;
      // An answer to another name than was asked for is none (glibc leaves such records out).
      if (!hasNameRule) owner = sameName(owner, to) ? from : rule.auto ? ending(owner) : owner;
      for (const rename of renames.name) owner = rename(owner);
      const inData = [...(rule.auto ? [ending] : []), ...renames.value];
      const named = owner === record.name ? record : { ...record, name: owner };
      return inData.length === 0 ? named : mapValue(named, inData);
    });
}

export function undoTtl({ ttlSecFrom, ttlSecTo }: RuleOf<"ttl">): Undo {
  return (answer) =>
    mapRecords(answer, (record) => {
      const ttlSec = Math.max(ttlSecFrom, Math.min(record.ttlSec, ttlSecTo));
      return ttlSec === record.ttlSec ? record : { ...record, ttlSec };
    });
}

export function undoRcode({ from, to }: RuleOf<"rcode">): Undo {
  return (answer) => (answer.rcode === from ? { ...answer, rcode: to } : answer);
}

/** The first name in the data of `record`, if it is of a type whose names are rewritten. */
export function nameInData(record: DnsRecord): string | null {
  if (!VALUE_TYPES.has(record.type)) return null;
  return wireToName(
    record.rdata,
    rdataFirstName(record.rdata, record.type, 0, record.rdata.length),
  );
}

/** `record` with `name` in the place of the first name in its data. */
export function withNameInData(record: DnsRecord, name: string): DnsRecord {
  const { rdata, type } = record;
  const start = rdataFirstName(rdata, type, 0, rdata.length);
  let end = start;
  while (rdata[end] !== 0) end += 1 + rdata[end];
  const wire = nameToWire(name);
  return { ...record, rdata: joinBytes(rdata.subarray(0, start), wire, rdata.subarray(end + 1)) };
}

export function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function answerRenames(rule: RuleOf<"name">): Record<AnswerRuleSettings["part"], Rename[]> {
  const renames: Record<AnswerRuleSettings["part"], Rename[]> = { name: [], value: [] };
  for (const { part, pattern, to } of rule.answers) {
    const regexp = new GoRegexp(pattern);
    renames[part].push((name) => replaceWhole(regexp, name, to) ?? name);
  }
  return renames;
}

/** `from` and all below it to `to` and below. */
function renameBelow(from: string, to: string): Rename {
  const ending = `.${from.toLowerCase()}`;
  return (name) => {
    if (sameName(name, from)) return to;
    if (!name.toLowerCase().endsWith(ending)) return name;
    return name.slice(0, name.length - from.length) + to;
  };
}

function renameEnding(from: string, to: string): Rename {
  return (name) =>
    name.toLowerCase().endsWith(from) ? name.slice(0, name.length - from.length) + to : name;
}

function mapValue(record: DnsRecord, renames: readonly Rename[]): DnsRecord {
  const value = nameInData(record);
  if (value === null) return record;
  const renamed = renames.reduce((name, rename) => rename(name), value);
  return renamed === value ? record : withNameInData(record, renamed);
}

function mapRecords(answer: DnsMessage, change: (record: DnsRecord) => DnsRecord): DnsMessage {
  return {
    ...answer,
    answers: answer.answers.map(change),
    authorities: answer.authorities.map(change),
    additionals: answer.additionals.map(change),
  };
}
