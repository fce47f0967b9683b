/** `forward` directives to checked settings and `ForwardPlan`s. See README.md. */

import * as z from "zod/mini";
import type { Directive } from "../../config/parser.ts";
import type { Place } from "../../config/problem.ts";
import {
  FORWARD_DEFAULTS,
  POLICY_RANDOM,
  POLICY_ROUND_ROBIN,
  POLICY_SEQUENTIAL,
} from "../../handoff/plan.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs, place, wholeNumber, zone } from "../values.ts";
import { ForwardOptions } from "./options.ts";
import { describeUpstream, readUpstreams } from "./upstream.ts";

const UPSTREAMS_MAX = 15;

const file = z.nullable(z.string());

const upstream = z.object({
  address: z.string(),
  port: wholeNumber(1, "a port from 1", 65535),
  tls: z.nullable(
    z.object({ serverName: z.nullable(z.string()), certFile: file, keyFile: file, caFile: file }),
  ),
});

const forwardRule = z.object({
  /** Of the directive, for problems found when all server blocks are known. */
  place,
  from: zone,
  upstreams: z.array(upstream).check(z.minLength(1), z.maxLength(UPSTREAMS_MAX)),
  /** Those of `upstreams` that a file names, as ADDRESS:PORT: this server may be among them. */
  fromFiles: z.array(z.string()),
  except: z.array(zone),
  policy: z.enum(["random", "round_robin", "sequential"]),
  forceTcp: z.boolean(),
  preferUdp: z.boolean(),
  maxFails: wholeNumber(0, "a whole number from 0"),
  expireMs: durationMs(0, "a duration from 0, such as 10s"),
  healthCheck: z.object({
    intervalMs: durationMs(0, "a duration from 0, such as 0.5s"),
    recursionDesired: z.boolean(),
    domain: zone,
  }),
  maxConcurrent: wholeNumber(0, "a whole number from 0"),
  failfastAllUnhealthy: z.boolean(),
  failoverRcodes: z.array(z.int()),
  nextRcodes: z.array(z.int()),
  nextOnNodata: z.boolean(),
  maxAgeMs: durationMs(0, "a duration from 0, such as 60s"),
  maxIdleConns: wholeNumber(0, "a whole number from 0"),
  readTimeoutMs: durationMs(0, "a duration from 0, such as 2s"),
  maxConnectAttempts: wholeNumber(0, "a whole number from 0"),
  sourceAddresses: z.array(z.string()).check(z.maxLength(2)),
});

const forwardSettings = z.object({ rules: z.array(forwardRule) });

export type ForwardRule = z.infer<typeof forwardRule>;
export type ForwardSettings = z.infer<typeof forwardSettings>;

export const forwardSetup: PluginSetup<ForwardSettings> = {
  name: "forward",
  order: pluginOrder("forward"),
  schema: forwardSettings,
  parse,
  contribute,
};

const POLICIES = {
  random: POLICY_RANDOM,
  round_robin: POLICY_ROUND_ROBIN,
  sequential: POLICY_SEQUENTIAL,
};

function parse(directives: readonly Directive[], context: SetupContext): ForwardSettings {
  const reader = new DirectiveReader("forward", context.problems);
  return { rules: directives.map((directive) => readRule(reader, directive, context)) };
}

function readRule(
  reader: DirectiveReader,
  directive: Directive,
  context: SetupContext,
): ForwardRule {
  const max = Number.POSITIVE_INFINITY;
  const isComplete = reader.count(directive, { min: 2, max, syntax: "forward FROM TO..." });
  const rule = defaultRule(directive.name);
  if (isComplete) {
    rule.from = readFrom(reader, directive) ?? ".";
    readTo(rule, reader, { directive, context });
  }
  const options = new ForwardOptions(reader, rule, context.source);
  reader.options(directive, options.table());
  options.finish();
  return rule;
}

function defaultRule({ file, line, column }: Place): ForwardRule {
  return {
    ...FORWARD_DEFAULTS,
    place: { file, line, column },
    from: ".",
    upstreams: [],
    fromFiles: [],
    policy: "random",
    except: [],
    healthCheck: { ...FORWARD_DEFAULTS.healthCheck },
    failoverRcodes: [],
    nextRcodes: [],
    sourceAddresses: [],
  };
}

function readFrom(reader: DirectiveReader, directive: Directive): string | null {
  const token = directive.args[0];
  const zones = reader.zones([token]);
  if (zones.length > 1) {
    const what = `FROM "${token.text}" is ${zones.length} zones`;
    reader.warning(token, `${what}: only "${zones[0]}" is forwarded, as in CoreDNS`);
  }
  return zones[0] ?? null;
}

function readTo(
  rule: ForwardRule,
  reader: DirectiveReader,
  { directive, context }: { directive: Directive; context: SetupContext },
): void {
  const tokens = directive.args.slice(1);
  const named = tokens.map((token) => readUpstreams(reader, token, context.source));
  rule.upstreams = named.flatMap(({ upstreams }) => upstreams);
  rule.fromFiles = named.flatMap(({ upstreams, isFile }) =>
    isFile ? upstreams.map(describeUpstream) : [],
  );
  if (rule.upstreams.length > UPSTREAMS_MAX) {
    const got = `expected at most ${UPSTREAMS_MAX}, got ${rule.upstreams.length}`;
    reader.error(directive.name, `Cannot forward to so many upstreams: ${got}`);
  }
}

function contribute(settings: ForwardSettings, view: ViewDraft): void {
  for (const { place: _, fromFiles: __, policy, ...rule } of settings.rules) {
    view.forwards.push({ ...rule, policy: POLICIES[policy] });
  }
}
