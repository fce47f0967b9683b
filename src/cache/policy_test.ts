import assert from "node:assert/strict";
import { test } from "node:test";
import type { CachePlan } from "../handoff/plan.ts";
import { nameToWire } from "../wire/name.ts";
import { Reply } from "../wire/reply.ts";
import { KIND_DEAD, KIND_DENIAL, KIND_SERVFAIL, KIND_SUCCESS, VARIANT_DNSSEC_OK } from "./entry.ts";
import { CachePolicy, Decision, decide } from "./policy.ts";

const UNIX_SEC = 1_900_000_000;
const PLAN: CachePlan = {
  zones: ["."],
  success: { capacity: 0, ttlSecMax: 3600, ttlSecMin: 0 },
  denial: { capacity: 0, ttlSecMax: 1800, ttlSecMin: 0 },
  servfailMs: 5000,
  disableSuccess: [],
  disableDenial: [],
  keepTtl: false,
  prefetch: null,
  stale: null,
};
const SUCCESS = { rcode: 0, answerCount: 1, hasAnswerOfType: 1, ttlSecMin: 300 };
const NODATA = { rcode: 0, authorityCount: 1, hasSoa: 1, ttlSecMin: 60 };
const NXDOMAIN = { rcode: 3, authorityCount: 1, hasSoa: 1, ttlSecMin: 60 };
const FAILURE = { rcode: 2 };

interface Case {
  readonly what: string;
  readonly reply: Partial<Reply>;
  readonly plan?: Partial<CachePlan>;
  readonly name?: string;
  readonly variant?: number;
  readonly kind: number;
  readonly lifetimeSec?: number;
  /** Minimum and maximum to which TTLs are brought. */
  readonly ttlsSec?: readonly [number, number];
}

function check(cases: readonly Case[]): void {
  for (const { what, reply, plan, name = "www.example.org", variant = 0, ...expected } of cases) {
    const wire = nameToWire(name);
    const known = Object.assign(new Reply(), { nameLength: wire.length, ...reply });
    const bytes = new Uint8Array(new SharedArrayBuffer(300));
    bytes.set(wire, 20);
    const decision = new Decision();
    decide(known, new CachePolicy({ ...PLAN, ...plan }), bytes, 20, variant, UNIX_SEC, decision);
    assert.equal(decision.kind, expected.kind, what);
    assert.equal(decision.lifetimeSec, expected.lifetimeSec ?? 0, what);
    if (expected.ttlsSec !== undefined) {
      assert.deepEqual([decision.ttlSecMin, decision.ttlSecMax], expected.ttlsSec, what);
    }
  }
}

test("decide() tells kinds of replies apart", () => {
  const none = { kind: KIND_DEAD, lifetimeSec: 0 };
  check([
    { what: "success", reply: SUCCESS, kind: KIND_SUCCESS, lifetimeSec: 300 },
    { what: "truncated", reply: { ...SUCCESS, truncated: 1 }, ...none },
    { what: "TTL 0", reply: { ...SUCCESS, ttlSecMin: 0 }, ...none },
    { what: "NODATA", reply: NODATA, kind: KIND_DENIAL, lifetimeSec: 60 },
    { what: "NXDOMAIN", reply: NXDOMAIN, kind: KIND_DENIAL, lifetimeSec: 60 },
    {
      what: "NXDOMAIN after CNAME",
      reply: { ...NXDOMAIN, answerCount: 1, ttlSecMin: 20 },
      kind: KIND_DENIAL,
      lifetimeSec: 20,
    },
    { what: "SOA MINIMUM 0", reply: { ...NXDOMAIN, ttlSecMin: 0 }, ...none },
    { what: "NXDOMAIN without SOA", reply: { rcode: 3 }, kind: KIND_DENIAL, lifetimeSec: 5 },
    { what: "empty NOERROR", reply: { rcode: 0 }, kind: KIND_DENIAL, lifetimeSec: 5 },
    {
      what: "CNAME to nothing, without SOA, shorter than 5 s",
      reply: { rcode: 0, answerCount: 1, ttlSecMin: 3 },
      kind: KIND_DENIAL,
      lifetimeSec: 3,
    },
    { what: "referral", reply: { rcode: 0, authorityCount: 2, hasNsInAuthority: 1 }, ...none },
    {
      what: "NODATA with NS and SOA",
      reply: { ...NODATA, hasNsInAuthority: 1 },
      kind: KIND_DENIAL,
      lifetimeSec: 60,
    },
    { what: "SERVFAIL", reply: FAILURE, kind: KIND_SERVFAIL, lifetimeSec: 5 },
    { what: "FORMERR", reply: { rcode: 1 }, kind: KIND_SERVFAIL, lifetimeSec: 5 },
    { what: "NOTIMP", reply: { rcode: 4 }, kind: KIND_SERVFAIL, lifetimeSec: 5 },
    { what: "REFUSED", reply: { rcode: 5 }, kind: KIND_SERVFAIL, lifetimeSec: 5 },
    { what: "NOTAUTH", reply: { rcode: 9 }, ...none },
    { what: "BADVERS", reply: { rcode: 16 }, ...none },
  ]);
});

test("decide() applies caps and floors of the class", () => {
  const limits = { capacity: 0, ttlSecMax: 30, ttlSecMin: 10 };
  const plan = { success: limits, denial: { ...limits, ttlSecMax: 20 } };
  const success = { kind: KIND_SUCCESS, ttlsSec: [10, 30] as const };
  const denial = { kind: KIND_DENIAL, ttlsSec: [10, 20] as const };
  check([
    { what: "above", reply: { ...SUCCESS, ttlSecMin: 31 }, plan, ...success, lifetimeSec: 30 },
    { what: "within", reply: { ...SUCCESS, ttlSecMin: 11 }, plan, ...success, lifetimeSec: 11 },
    { what: "below", reply: { ...SUCCESS, ttlSecMin: 9 }, plan, ...success, lifetimeSec: 10 },
    { what: "TTL 0", reply: { ...SUCCESS, ttlSecMin: 0 }, plan, ...success, lifetimeSec: 10 },
    { what: "denial above", reply: { ...NODATA, ttlSecMin: 21 }, plan, ...denial, lifetimeSec: 20 },
    { what: "bare denial", reply: { rcode: 3 }, plan, ...denial, lifetimeSec: 10 },
    {
      what: "floor above cap",
      reply: SUCCESS,
      plan: { success: { capacity: 0, ttlSecMax: 30, ttlSecMin: 60 } },
      kind: KIND_SUCCESS,
      lifetimeSec: 30,
      ttlsSec: [30, 30],
    },
    {
      what: "no more than 7 days",
      reply: { ...SUCCESS, ttlSecMin: 0x7fff_ffff },
      plan: { success: { capacity: 0, ttlSecMax: 0x7fff_ffff, ttlSecMin: 0 } },
      kind: KIND_SUCCESS,
      lifetimeSec: 604_800,
      ttlsSec: [0, 604_800],
    },
  ]);
});

test("decide() keeps failures as long as `servfail` says, a second at least", () => {
  const failure = { reply: FAILURE, kind: KIND_SERVFAIL };
  check([
    { what: "0", plan: { servfailMs: 0 }, reply: FAILURE, kind: KIND_DEAD },
    { what: "100 ms", plan: { servfailMs: 100 }, ...failure, lifetimeSec: 1 },
    { what: "1,500 ms", plan: { servfailMs: 1500 }, ...failure, lifetimeSec: 2 },
    { what: "300 s", plan: { servfailMs: 300_000 }, ...failure, lifetimeSec: 300 },
  ]);
});

test("decide() keeps nothing longer than its signatures, when they were asked for", () => {
  const signed = { ...SUCCESS, hasRrsig: 1, rrsigExpirySec: UNIX_SEC + 100 };
  const expired = { ...signed, rrsigExpirySec: UNIX_SEC };
  const variant = VARIANT_DNSSEC_OK;
  const kind = KIND_SUCCESS;
  check([
    { what: "DO", reply: signed, variant, kind, lifetimeSec: 100, ttlsSec: [0, 100] },
    { what: "no DO", reply: signed, variant: 0, kind, lifetimeSec: 300, ttlsSec: [0, 3600] },
    { what: "expired", reply: expired, variant, kind: KIND_DEAD, ttlsSec: [0, 0] },
    {
      what: "a floor does not lift it",
      reply: signed,
      variant,
      plan: { success: { capacity: 0, ttlSecMax: 3600, ttlSecMin: 600 } },
      kind,
      lifetimeSec: 100,
      ttlsSec: [100, 100],
    },
    {
      what: "expiry after 2106, as a serial number",
      reply: { ...signed, rrsigExpirySec: (UNIX_SEC + 0x7000_0000) >>> 0 },
      variant,
      kind,
      lifetimeSec: 300,
    },
  ]);
});

test("decide() does not store what `disable` names", () => {
  const plan = {
    disableSuccess: ["example.org."],
    disableDenial: ["cluster.local.", "10.in-addr.arpa."],
  };
  const success = { plan, reply: SUCCESS };
  const denial = { plan, reply: NXDOMAIN };
  check([
    { what: "zone itself", name: "example.org", ...success, kind: KIND_DEAD },
    { what: "below", name: "a.b.example.org", ...success, kind: KIND_DEAD },
    { what: "same end", name: "anexample.org", ...success, kind: KIND_SUCCESS, lifetimeSec: 300 },
    { what: "above", name: "org", ...success, kind: KIND_SUCCESS, lifetimeSec: 300 },
    { what: "denial there", name: "example.org", ...denial, kind: KIND_DENIAL, lifetimeSec: 60 },
    { what: "denial", name: "x.cluster.local", ...denial, kind: KIND_DEAD },
    { what: "second zone", name: "1.10.in-addr.arpa", ...denial, kind: KIND_DEAD },
    { what: "failure", name: "x.cluster.local", plan, reply: FAILURE, kind: KIND_DEAD },
    { what: "root", plan: { disableSuccess: ["."] }, reply: SUCCESS, kind: KIND_DEAD },
  ]);
});
