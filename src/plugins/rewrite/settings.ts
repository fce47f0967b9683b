/** What `rewrite` directives mean, as plain values: they travel to the workers in the plan. */

import * as z from "zod/mini";
import { wholeNumber } from "../values.ts";

const TTL_SEC_MAX = 2 ** 31 - 1;
const TTL_RANGE = "a whole number of seconds from 0";

export const MATCH_KINDS = ["exact", "prefix", "suffix", "substring", "regex"] as const;

/** Which names a rule is for. Other than in `regex`, text is in small letters. */
const nameMatch = z.object({ kind: z.enum(MATCH_KINDS), from: z.string() });

const uint16 = wholeNumber(0, "a whole number from 0", 0xffff);
const ttlSec = wholeNumber(0, TTL_RANGE, TTL_SEC_MAX);

/** `answer name|value PATTERN TO`. */
const answerRule = z.object({
  part: z.enum(["name", "value"]),
  pattern: z.string(),
  to: z.string(),
});

/** After a rule that `isLast` and fits, no other is looked at. */
const isLast = z.boolean();

const ednsData = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("bytes"), bytes: z.array(wholeNumber(0, "a byte from 0", 0xff)) }),
  z.object({
    kind: z.literal("variable"),
    name: z.enum([
      "qname",
      "qtype",
      "client_ip",
      "client_port",
      "protocol",
      "server_ip",
      "server_port",
    ]),
  }),
  /** A client subnet (RFC 7871) of so many bits of the client's address. */
  z.object({
    kind: z.literal("subnet"),
    ipv4Bits: wholeNumber(0, "a number of bits from 0", 32),
    ipv6Bits: wholeNumber(0, "a number of bits from 0", 128),
  }),
]);

const rule = z.discriminatedUnion("field", [
  z.object({
    field: z.literal("name"),
    isLast,
    match: nameMatch,
    to: z.string(),
    /** Names in the answer at and below the new name become the old one again. */
    auto: z.boolean(),
    answers: z.array(answerRule),
  }),
  z.object({ field: z.literal("type"), isLast, from: uint16, to: uint16 }),
  z.object({ field: z.literal("class"), isLast, from: uint16, to: uint16 }),
  z.object({
    field: z.literal("ttl"),
    isLast,
    match: nameMatch,
    ttlSecFrom: ttlSec,
    ttlSecTo: ttlSec,
  }),
  z.object({
    field: z.literal("rcode"),
    isLast,
    match: nameMatch,
    from: wholeNumber(0, "an RCODE from 0", 15),
    to: wholeNumber(0, "an RCODE from 0", 15),
  }),
  z.object({ field: z.literal("cname"), isLast, match: nameMatch, to: z.string() }),
  z.object({
    field: z.literal("edns0"),
    isLast,
    action: z.enum(["set", "append", "replace", "unset"]),
    code: uint16,
    data: ednsData,
  }),
]);

export const rewriteSettings = z.object({ rules: z.array(rule) });

export type NameMatchSettings = z.infer<typeof nameMatch>;
export type AnswerRuleSettings = z.infer<typeof answerRule>;
export type EdnsData = z.infer<typeof ednsData>;
export type RewriteRule = z.infer<typeof rule>;
export type RewriteSettings = z.infer<typeof rewriteSettings>;
export type RuleOf<Field extends RewriteRule["field"]> = Extract<RewriteRule, { field: Field }>;
