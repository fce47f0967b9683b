// Hot path.
/**
 * What of an upstream's reply is stored, as what, and for how long.
 *
 * Decides from a reply that was read and checked, and the `cache` lines of a server block. Knows
 * neither memory nor clock: the wall clock, for signatures, is an argument. TTLs are settled by the
 * caller, by `clampTtls()` with the limits of the decision, so that what is stored and what the
 * waiting clients get is the same.
 */
import type { CacheClassPlan, CachePlan } from "../handoff/plan.ts";
import {
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
  TTL_SEC_MAX,
} from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import type { Reply } from "../wire/reply.ts";
import { KIND_DEAD, KIND_DENIAL, KIND_SERVFAIL, KIND_SUCCESS, VARIANT_DNSSEC_OK } from "./entry.ts";
import { Prefetch } from "./prefetch.ts";
import { staleSecOf } from "./view_capacity.ts";

/** Nothing is kept longer, whatever it says: 7 days (RFC 8767 §4). */
export const LIFETIME_SEC_MAX = 604_800;
/**
 * A denial without SOA does not say how long it holds, and RFC 2308 §5 would not keep it. Some
 * resolvers of cloud providers send only such, and without this every query would reach them.
 */
export const BARE_DENIAL_SEC = 5;
/** Failures are kept at least so long (RFC 9520 §3.2), unless they are not kept at all. */
export const FAILURE_SEC_MIN = 1;

const MS_PER_SEC = 1000;

/** What `decide()` found. Borrowed: until the next call with the same object. */
export class Decision {
  /** KIND_DEAD when the reply is not stored. */
  kind = KIND_DEAD;
  /** Seconds from now until the entry expires; 0 when the reply is not stored. */
  lifetimeSec = 0;
  /** Every TTL is brought into these limits, stored or not. */
  ttlSecMin = 0;
  ttlSecMax = TTL_SEC_MAX;
}

const NO_LIMITS: CacheClassPlan = { capacity: 0, ttlSecMax: 0, ttlSecMin: 0 };

/** The `cache` lines of one server block, ready to be asked. */
export class CachePolicy {
  readonly success: CacheClassPlan;
  readonly denial: CacheClassPlan;
  /** Seconds for which failures are kept; 0 is not at all. */
  readonly failureSec: number;
  /** Zones, folded wire names, in which a class is not stored. */
  readonly disableSuccess: readonly Uint8Array[];
  readonly disableDenial: readonly Uint8Array[];
  /** Answers from the cache keep the TTLs that they had when they were stored. */
  readonly keepTtl: boolean;
  /** Counts hits; null when none is refreshed before it expires. */
  readonly prefetch: Prefetch | null;
  /** Seconds for which answers are given after they expired; 0 is not at all. */
  readonly staleSec: number;
  /** The upstream is asked before one is given, and for how long: 0 is to its last attempt. */
  readonly isVerified: boolean;
  readonly verifyTimeoutMs: number;
  readonly staleTtlSec: number;
  /** Seconds from a failed refresh to the next one. */
  readonly recheckSec: number;
  readonly prefersPositive: boolean;

  constructor(plan: CachePlan) {
    // Copies: objects that came by message have other shapes than those made here.
    this.success = { ...NO_LIMITS, ...plan.success };
    this.denial = { ...NO_LIMITS, ...plan.denial };
    this.failureSec =
      plan.servfailMs === 0
        ? 0
        : Math.max(Math.ceil(plan.servfailMs / MS_PER_SEC), FAILURE_SEC_MIN);
    this.disableSuccess = plan.disableSuccess.map((zone) => nameToWire(zone));
    this.disableDenial = plan.disableDenial.map((zone) => nameToWire(zone));
    this.keepTtl = plan.keepTtl;
    this.prefetch = plan.prefetch === null ? null : new Prefetch(plan.prefetch);
    const { stale } = plan;
    this.staleSec = staleSecOf(stale);
    this.isVerified = stale?.isVerified ?? false;
    this.verifyTimeoutMs = stale?.verifyTimeoutMs ?? 0;
    this.staleTtlSec = stale?.responseTtlSec ?? 0;
    // A refresh that failed is a failure, and remembered like one (RFC 9520 §3.2).
    const recheckMs = stale?.recheckMs ?? 0;
    this.recheckSec = Math.max(Math.ceil(recheckMs / MS_PER_SEC), FAILURE_SEC_MIN);
    this.prefersPositive = stale?.prefersPositive ?? false;
  }
}

/**
 * Decides about `reply`, which answers the question for the folded name at `bytes[nameAt…]`.
 *
 * @param nameAt where the name stands, `reply.nameLength` bytes: that of the clean message will do.
 * @param variant VARIANT_… bits of the question: only with DNSSEC_OK do signatures count.
 * @param unixSec seconds since 1970, against which signatures expire.
 * @param decision borrowed, filled.
 */
export function decide(
  reply: Reply,
  policy: CachePolicy,
  bytes: Uint8Array,
  nameAt: number,
  variant: number,
  unixSec: number,
  decision: Decision,
): void {
  decision.kind = kindOf(reply);
  decision.lifetimeSec = 0;
  decision.ttlSecMin = 0;
  decision.ttlSecMax = TTL_SEC_MAX;
  switch (decision.kind) {
    case KIND_SUCCESS:
      limitTo(decision, policy.success, reply.ttlSecMin);
      break;
    case KIND_DENIAL:
      // RFC 2308 §5: reply.ttlSecMin counts the SOA with the lesser of its TTL and MINIMUM.
      limitTo(decision, policy.denial, reply.hasSoa === 1 ? reply.ttlSecMin : bareDenialSec(reply));
      break;
    case KIND_SERVFAIL:
      decision.lifetimeSec = policy.failureSec;
      break;
  }
  if (reply.hasRrsig === 1 && (variant & VARIANT_DNSSEC_OK) !== 0) {
    // RFC 4035 §5.3.3: no longer than the signatures hold. Serial number arithmetic, RFC 1982.
    const leftSec = Math.max((reply.rrsigExpirySec - unixSec) | 0, 0);
    if (leftSec < decision.lifetimeSec) decision.lifetimeSec = leftSec;
    if (leftSec < decision.ttlSecMax) decision.ttlSecMax = leftSec;
    if (decision.ttlSecMin > decision.ttlSecMax) decision.ttlSecMin = decision.ttlSecMax;
  }
  const disabled = decision.kind === KIND_SUCCESS ? policy.disableSuccess : policy.disableDenial;
  if (decision.lifetimeSec === 0 || isInOne(disabled, bytes, nameAt, reply.nameLength)) {
    decision.kind = KIND_DEAD;
    decision.lifetimeSec = 0;
  }
}

/** What kind of answer it is; KIND_DEAD when it is none that may be kept. */
function kindOf(reply: Reply): number {
  // RFC 2181 §9: what is cut off says nothing about what is missing.
  if (reply.truncated === 1) return KIND_DEAD;
  switch (reply.rcode) {
    case RCODE_NOERROR:
      if (reply.hasAnswerOfType === 1) return KIND_SUCCESS;
      // RFC 2308 §2.2: NODATA has a SOA, or nothing; a referral has NS records and no SOA.
      if (reply.hasSoa === 0 && reply.hasNsInAuthority === 1) return KIND_DEAD;
      return KIND_DENIAL;
    case RCODE_NXDOMAIN:
      // With CNAMEs before it, too: then it denies the last of their names (RFC 2308 §2.1).
      return KIND_DENIAL;
    case RCODE_SERVFAIL:
    case RCODE_NOTIMP:
    case RCODE_REFUSED:
    case RCODE_FORMERR:
      // RFC 9520 §2: whatever the reason, the question was not resolved.
      return KIND_SERVFAIL;
    default:
      return KIND_DEAD;
  }
}

function bareDenialSec(reply: Reply): number {
  return reply.ttlSecMin < BARE_DENIAL_SEC ? reply.ttlSecMin : BARE_DENIAL_SEC;
}

/** Applies the limits of a class. A TTL of 0 is for the waiting clients only (RFC 2181 §8). */
function limitTo(decision: Decision, limits: CacheClassPlan, ttlSec: number): void {
  const ttlSecMax = limits.ttlSecMax < LIFETIME_SEC_MAX ? limits.ttlSecMax : LIFETIME_SEC_MAX;
  const ttlSecMin = limits.ttlSecMin < ttlSecMax ? limits.ttlSecMin : ttlSecMax;
  decision.ttlSecMax = ttlSecMax;
  decision.ttlSecMin = ttlSecMin;
  if (ttlSec < ttlSecMin) decision.lifetimeSec = ttlSecMin;
  else decision.lifetimeSec = ttlSec < ttlSecMax ? ttlSec : ttlSecMax;
}

/** Whether the folded name at `at` is one of `zones` or below one. */
function isInOne(
  zones: readonly Uint8Array[],
  bytes: Uint8Array,
  at: number,
  length: number,
): boolean {
  for (let i = 0; i < zones.length; i++) {
    if (isInZone(zones[i], bytes, at, length)) return true;
  }
  return false;
}

function isInZone(zone: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  const start = at + length - zone.length;
  let label = at;
  while (label < start) label += 1 + bytes[label];
  if (label !== start) return false;
  for (let i = 0; i < zone.length; i++) if (bytes[start + i] !== zone[i]) return false;
  return true;
}
