/** `cache` directives to checked settings and a `CachePlan`. See README.md. */

import * as z from "zod/mini";
import type { Token } from "../../config/lexer.ts";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { parseZones } from "../../config/server_key.ts";
import { isWithinZone } from "../../config/zone.ts";
import type { CacheClassPlan, PrefetchPlan, StalePlan } from "../../handoff/plan.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs, wholeNumber, zone } from "../values.ts";

const SUCCESS_TTL_SEC = 3600;
const DENIAL_TTL_SEC = 1800;
const SERVFAIL_MS = 5_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** Fewer answers than this are the TTL, in most Corefiles that say so. */
const CAPACITY_USUAL_MIN = 256;
const HOUR_MS = 3_600_000;
// RFC 8767 §5 recommends the first two. It also recommends 30 s for the third, but a node's cache
// should see at once that the cluster's DNS is back: as often as for a failure that is remembered.
const RESPONSE_TTL_MS = 30_000;
const VERIFY_TIMEOUT_MS = 1_800;
const RECHECK_MS = 5_000;

const capacity = wholeNumber(0, "a whole number from 0");
const ttlSec = wholeNumber(1, "a whole number of seconds from 1");
const minTtlSec = wholeNumber(0, "a whole number of seconds from 0");
const servfailMs = durationMs(0, "a duration from 0 to 5m, such as 5s", 5 * MINUTE_MS);
const amount = wholeNumber(0, "a whole number from 0");
const anyDurationMs = durationMs(0, "a duration from 0, such as 1m");
const recheckMs = durationMs(0, "a duration from 0 to 5m, such as 10s", 5 * MINUTE_MS);
const wholeSecondsMs = durationMs(0, "a duration in whole seconds, such as 30s").check(
  z.multipleOf(1_000, { error: "a duration in whole seconds, such as 30s" }),
);

const cacheClass = z.object({
  /** Answers that may be held; `null` when the Corefile names no capacity. */
  capacity: z.nullable(capacity),
  ttlSecMax: ttlSec,
  ttlSecMin: minTtlSec,
});

const cacheSettings = z.object({
  zones: z.array(zone),
  success: cacheClass,
  denial: cacheClass,
  servfailMs,
  disableSuccess: z.array(zone),
  disableDenial: z.array(zone),
  keepTtl: z.boolean(),
  prefetch: z.nullable(
    z.object({ amount, durationMs: anyDurationMs, percentage: wholeNumber(10, "10", 90) }),
  ),
  serveStale: z.nullable(
    z.object({
      durationMs: anyDurationMs,
      mode: z.enum(["immediate", "verify"]),
      verifyTimeoutMs: anyDurationMs,
      responseTtlMs: wholeSecondsMs,
      recheckMs,
    }),
  ),
  preferPositive: z.boolean(),
});

export type CacheSettings = z.infer<typeof cacheSettings>;

export const cacheSetup: PluginSetup<CacheSettings> = {
  name: "cache",
  order: pluginOrder("cache"),
  schema: cacheSettings,
  parse,
  contribute,
};

function parse(directives: readonly Directive[], context: SetupContext): CacheSettings {
  const reader = new DirectiveReader("cache", context.problems);
  const directive = reader.once(directives);
  const settings = readArguments(reader, directive, context);
  let policyLine = null as OptionLine | null;
  reader.options(directive, {
    success: (line) => readClass(reader, line, settings.success),
    denial: (line) => readClass(reader, line, settings.denial),
    servfail: (line) => readServfail(reader, line, settings),
    disable: (line) => readDisable(reader, line, settings),
    keepttl: (line) => {
      settings.keepTtl = reader.count(line, { syntax: "keepttl alone" });
    },
    prefetch: (line) => readPrefetch(reader, line, settings),
    serve_stale: (line) => readServeStale(reader, line, settings),
    serve_stale_policy: (line) => {
      policyLine = line;
      readStalePolicy(reader, line, settings);
    },
  });
  if (policyLine !== null && settings.preferPositive && settings.serveStale === null) {
    const way = 'add "serve_stale" to this cache';
    reader.warning(policyLine.name, `serve_stale_policy has no effect without serve_stale: ${way}`);
  }
  return settings;
}

/** `cache [TTL] [ZONES...]`: a first argument that is a number is the TTL of both classes. */
function readArguments(
  reader: DirectiveReader,
  directive: Directive,
  context: SetupContext,
): CacheSettings {
  let zoneTokens = directive.args;
  let ttl: number | null = null;
  if (zoneTokens.length > 0 && /^[-+]?[0-9]+$/.test(zoneTokens[0].text)) {
    ttl = reader.integer(zoneTokens[0], "TTL", ttlSec);
    zoneTokens = zoneTokens.slice(1);
  }
  const zones = zoneTokens.length === 0 ? [...context.zones] : reader.zones(zoneTokens);
  for (const token of zoneTokens) warnOfZone(reader, token, context);
  return {
    zones,
    success: { capacity: null, ttlSecMax: ttl ?? SUCCESS_TTL_SEC, ttlSecMin: 0 },
    denial: { capacity: null, ttlSecMax: ttl ?? DENIAL_TTL_SEC, ttlSecMin: 0 },
    servfailMs: SERVFAIL_MS,
    disableSuccess: [],
    disableDenial: [],
    keepTtl: false,
    prefetch: null,
    serveStale: null,
    preferPositive: false,
  };
}

/** A zone without a name in the server block, or a number that was meant as the TTL. */
function warnOfZone(reader: DirectiveReader, token: Token, { zones }: SetupContext): void {
  const number = /^([0-9]+)[a-z]*$/.exec(token.text)?.[1];
  if (number !== undefined) {
    const wanted = `a TTL is a number of seconds before the zones, as in "cache ${number}"`;
    reader.warning(token, `"${token.text}" is read as a zone: ${wanted}`);
    return;
  }
  const named = parseZones(token.text).zones;
  if (named === null || zones.length === 0 || named.some((name) => touches(name, zones))) return;
  reader.warning(token, `Zone "${token.text}" has nothing in this server block`);
}

function touches(name: string, zones: readonly string[]): boolean {
  return zones.some((other) => isWithinZone(name, other) || isWithinZone(other, name));
}

function readClass(
  reader: DirectiveReader,
  line: OptionLine,
  target: CacheSettings["success"],
): void {
  const name = line.name.text;
  if (!reader.count(line, { min: 1, max: 3, syntax: `${name} CAPACITY [TTL] [MINTTL]` })) return;
  const [capacityToken, ttlToken, minTtlToken] = line.args;
  target.capacity = reader.integer(capacityToken, `CAPACITY of ${name}`, capacity);
  if (ttlToken === undefined) {
    const { capacity: found } = target;
    if (found !== null && found > 0 && found < CAPACITY_USUAL_MIN) {
      const wanted = `a TTL of ${found} seconds is written "${name} 9984 ${found}"`;
      reader.warning(capacityToken, `CAPACITY of ${name} is only ${found} answers: ${wanted}`);
    }
    return;
  }
  target.ttlSecMax = reader.integer(ttlToken, `TTL of ${name}`, ttlSec) ?? target.ttlSecMax;
  if (minTtlToken === undefined) return;
  target.ttlSecMin = reader.integer(minTtlToken, `MINTTL of ${name}`, minTtlSec) ?? 0;
}

function readServfail(reader: DirectiveReader, line: OptionLine, settings: CacheSettings): void {
  if (!reader.count(line, { min: 1, syntax: "servfail DURATION" })) return;
  const read = reader.durationMs(line.args[0], "DURATION of servfail", servfailMs);
  settings.servfailMs = read ?? SERVFAIL_MS;
}

function readDisable(reader: DirectiveReader, line: OptionLine, settings: CacheSettings): void {
  const max = Number.POSITIVE_INFINITY;
  if (!reader.count(line, { min: 1, max, syntax: "disable success|denial [ZONES...]" })) return;
  const name = reader.choice(line.args[0], "class of disable", ["success", "denial"]);
  const named = reader.zones(line.args.slice(1));
  const zones = line.args.length === 1 ? ["."] : named;
  if (name === "success") settings.disableSuccess.push(...zones);
  if (name === "denial") settings.disableDenial.push(...zones);
}

function readPrefetch(reader: DirectiveReader, line: OptionLine, settings: CacheSettings): void {
  const syntax = "prefetch AMOUNT [DURATION [PERCENTAGE%]]";
  if (!reader.count(line, { min: 1, max: 3, syntax })) return;
  const [amountToken, durationToken, percentToken] = line.args;
  const prefetch = { amount: 0, durationMs: MINUTE_MS, percentage: 10 };
  prefetch.amount = reader.integer(amountToken, "AMOUNT of prefetch", amount) ?? 0;
  if (durationToken !== undefined) {
    const read = reader.durationMs(durationToken, "DURATION of prefetch", anyDurationMs);
    prefetch.durationMs = read ?? MINUTE_MS;
  }
  if (percentToken !== undefined) {
    const match = /^([0-9]{2})%$/.exec(percentToken.text);
    const percentage = match === null ? 0 : Number(match[1]);
    if (percentage < 10 || percentage > 90) {
      const got = `expected 10% to 90%, got "${percentToken.text}"`;
      reader.error(percentToken, `Cannot read PERCENTAGE of prefetch: ${got}`);
    } else {
      prefetch.percentage = percentage;
    }
  }
  settings.prefetch = prefetch;
}

/** `serve_stale [DURATION [MODE [...]]]` of 1.13 and with the further arguments of 1.14. */
function readServeStale(reader: DirectiveReader, line: OptionLine, settings: CacheSettings): void {
  const syntax =
    "serve_stale [DURATION [immediate [RESPONSE_TTL [RECHECK]]]] or " +
    "serve_stale [DURATION [verify [TIMEOUT [RESPONSE_TTL [RECHECK]]]]]";
  if (!reader.count(line, { max: 5, syntax })) return;
  const stale: NonNullable<CacheSettings["serveStale"]> = {
    durationMs: HOUR_MS,
    mode: "immediate",
    verifyTimeoutMs: VERIFY_TIMEOUT_MS,
    responseTtlMs: RESPONSE_TTL_MS,
    recheckMs: RECHECK_MS,
  };
  settings.serveStale = stale;
  const [durationToken, modeToken, ...rest] = line.args;
  if (durationToken === undefined) return;
  const read = reader.durationMs(durationToken, "DURATION of serve_stale", anyDurationMs);
  stale.durationMs = read ?? HOUR_MS;
  if (modeToken === undefined) return;
  const mode = reader.choice(modeToken, "MODE of serve_stale", ["immediate", "verify"]);
  stale.mode = mode ?? "immediate";
  const timeoutToken = mode === "verify" ? rest.shift() : undefined;
  if (timeoutToken !== undefined) {
    const timeout = reader.durationMs(timeoutToken, "TIMEOUT of serve_stale", anyDurationMs);
    stale.verifyTimeoutMs = timeout ?? VERIFY_TIMEOUT_MS;
  }
  const [ttlToken, recheckToken, extraToken] = rest;
  if (ttlToken !== undefined) {
    const ttl = reader.durationMs(ttlToken, "RESPONSE_TTL of serve_stale", wholeSecondsMs);
    stale.responseTtlMs = ttl ?? RESPONSE_TTL_MS;
  }
  if (recheckToken !== undefined) {
    const recheck = reader.durationMs(recheckToken, "RECHECK of serve_stale", recheckMs);
    stale.recheckMs = recheck ?? RECHECK_MS;
  }
  if (extraToken !== undefined) {
    reader.error(extraToken, `Unexpected "${extraToken.text}": expected ${syntax}`);
  }
}

function readStalePolicy(reader: DirectiveReader, line: OptionLine, settings: CacheSettings): void {
  if (!reader.count(line, { min: 1, syntax: "serve_stale_policy prefer_positive" })) return;
  const [policy] = line.args;
  if (policy.text !== "prefer_positive") {
    const got = `expected prefer_positive, got "${policy.text}"`;
    reader.error(policy, `Cannot read policy of serve_stale_policy: ${got}`);
    return;
  }
  settings.preferPositive = true;
}

function contribute(settings: CacheSettings, view: ViewDraft): void {
  const { zones, servfailMs, disableSuccess, disableDenial, keepTtl } = settings;
  view.cache = {
    zones,
    success: planClass(settings.success),
    denial: planClass(settings.denial),
    servfailMs,
    disableSuccess,
    disableDenial,
    keepTtl,
    prefetch: planPrefetch(settings),
    stale: planStale(settings),
  };
}

function planPrefetch({ prefetch }: CacheSettings): PrefetchPlan | null {
  if (prefetch === null || prefetch.amount === 0) return null;
  const { amount, durationMs, percentage } = prefetch;
  return { amount, gapMs: durationMs, percentage };
}

function planStale({ serveStale, preferPositive }: CacheSettings): StalePlan | null {
  if (serveStale === null || serveStale.durationMs === 0) return null;
  const { durationMs, mode, verifyTimeoutMs, responseTtlMs, recheckMs } = serveStale;
  return {
    windowMs: durationMs,
    isVerified: mode === "verify",
    verifyTimeoutMs,
    responseTtlSec: responseTtlMs / SECOND_MS,
    recheckMs,
    prefersPositive: preferPositive,
  };
}

// CoreDNS splits a cache into 256 shards of at least 4 answers; a Corefile's number means the same.
const SHARD_COUNT = 256;
const SHARD_CAPACITY_MIN = 4;

function planClass(settings: CacheSettings["success"]): CacheClassPlan {
  const { capacity: asked, ttlSecMax, ttlSecMin } = settings;
  if (asked === null) return { capacity: 0, ttlSecMax, ttlSecMin };
  const perShard = Math.max(Math.floor(asked / SHARD_COUNT), SHARD_CAPACITY_MIN);
  return { capacity: perShard * SHARD_COUNT, ttlSecMax, ttlSecMin };
}
