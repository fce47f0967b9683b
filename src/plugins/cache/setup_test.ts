import assert from "node:assert/strict";
import { test } from "node:test";
import type { CachePlan, StalePlan } from "../../handoff/plan.ts";
import { readSetup } from "../testing.ts";
import { cacheSetup } from "./setup.ts";

const DEFAULTS: CachePlan = {
  zones: ["."],
  success: { capacity: 0, ttlSecMax: 3600, ttlSecMin: 0 },
  denial: { capacity: 0, ttlSecMax: 1800, ttlSecMin: 0 },
  servfailMs: 5_000,
  disableSuccess: [],
  disableDenial: [],
  keepTtl: false,
  prefetch: null,
  stale: null,
};

function checkPlan(directives: string, changes: Partial<CachePlan>, warnings: string[] = []): void {
  const { view, problems } = readSetup(cacheSetup, directives);
  assert.deepEqual(problems, warnings, directives);
  assert.deepEqual(view.cache, { ...DEFAULTS, ...changes }, directives);
}

function checkErrors(directives: string, ...expected: string[]): void {
  assert.deepEqual(readSetup(cacheSetup, directives).problems, expected, directives);
}

test("cache: the directive alone caches the block's zones with CoreDNS' defaults", () => {
  checkPlan("cache", {});
  checkPlan("cache {\n}", {});
  const { view } = readSetup(cacheSetup, "cache", { zones: ["example.org.", "example.net."] });
  assert.deepEqual(view.cache?.zones, ["example.org.", "example.net."]);
});

test("cache: TTL caps both classes, zones narrow what is cached", () => {
  const success = { capacity: 0, ttlSecMax: 30, ttlSecMin: 0 };
  checkPlan("cache 30", { success, denial: success });
  checkPlan("cache 30 Example.org 10.0.0.0/8", {
    success,
    denial: success,
    zones: ["example.org.", "10.in-addr.arpa."],
  });
  checkPlan("cache example.org", { zones: ["example.org."] });
});

test("cache: success and denial set capacity, TTL and least TTL of their class", () => {
  checkPlan("cache {\nsuccess 9984 30\ndenial 9984 5\n}", {
    success: { capacity: 9984, ttlSecMax: 30, ttlSecMin: 0 },
    denial: { capacity: 9984, ttlSecMax: 5, ttlSecMin: 0 },
  });
  checkPlan("cache 60 {\nsuccess 5000 300 10\n}", {
    success: { capacity: 4864, ttlSecMax: 300, ttlSecMin: 10 },
    denial: { capacity: 0, ttlSecMax: 60, ttlSecMin: 0 },
  });
});

test("cache: capacities are rounded as CoreDNS rounds them, with 1024 as the least", () => {
  for (const [asked, effective] of [
    [0, 1024],
    [1, 1024],
    [1279, 1024],
    [1280, 1280],
    [10000, 9984],
  ]) {
    const { view } = readSetup(cacheSetup, `cache {\nsuccess ${asked}\n}`);
    assert.equal(view.cache?.success.capacity, effective, `${asked}`);
  }
});

test("cache: servfail, disable and keepttl take effect", () => {
  checkPlan("cache {\nservfail 10s\n}", { servfailMs: 10_000 });
  checkPlan("cache {\nservfail 0\n}", { servfailMs: 0 });
  checkPlan("cache {\nservfail 5m\nkeepttl\n}", { servfailMs: 300_000, keepTtl: true });
  checkPlan("cache {\ndisable success\n}", { disableSuccess: ["."] });
  checkPlan("cache {\ndisable denial Example.org\ndisable denial example.net\n}", {
    disableDenial: ["example.org.", "example.net."],
  });
});

test("cache: prefetch takes hits, the gap between them, and a share of the life", () => {
  checkPlan("cache {\nprefetch 0\n}", {});
  checkPlan("cache {\nprefetch 10\n}", {
    prefetch: { amount: 10, gapMs: 60_000, percentage: 10 },
  });
  checkPlan("cache {\nprefetch 1 1h 50%\n}", {
    prefetch: { amount: 1, gapMs: 3_600_000, percentage: 50 },
  });
});

const STALE: StalePlan = {
  windowMs: 3_600_000,
  isVerified: false,
  verifyTimeoutMs: 1_800,
  responseTtlSec: 30,
  recheckMs: 5_000,
  prefersPositive: false,
};

test("cache: serve_stale takes the arguments of CoreDNS 1.13 and 1.14", () => {
  const cases: [line: string, changes: Partial<StalePlan>][] = [
    ["serve_stale", {}],
    ["serve_stale 24h", { windowMs: 86_400_000 }],
    ["serve_stale 10s immediate", { windowMs: 10_000 }],
    ["serve_stale 1h immediate 0s", { responseTtlSec: 0 }],
    ["serve_stale 1h immediate 5s 10s", { responseTtlSec: 5, recheckMs: 10_000 }],
    ["serve_stale 1h verify", { isVerified: true }],
    ["serve_stale 1h VERIFY 0s", { isVerified: true, verifyTimeoutMs: 0 }],
    [
      "serve_stale 1h verify 500ms 20s 1m",
      { isVerified: true, verifyTimeoutMs: 500, responseTtlSec: 20, recheckMs: 60_000 },
    ],
  ];
  for (const [line, changes] of cases) {
    checkPlan(`cache {\n${line}\n}`, { stale: { ...STALE, ...changes } });
  }
  checkPlan("cache {\nserve_stale 0s\n}", {});
});

test("cache: serve_stale_policy needs serve_stale, before it or behind it", () => {
  const stale = { ...STALE, prefersPositive: true };
  const policy = "serve_stale_policy prefer_positive";
  checkPlan(`cache {\n${policy}\nserve_stale\n}`, { stale });
  checkPlan(`cache {\nserve_stale\n${policy}\n}`, { stale });
  const way = 'add "serve_stale" to this cache';
  checkPlan(`cache {\n${policy}\n}`, {}, [
    `3: serve_stale_policy has no effect without serve_stale: ${way}`,
  ]);
});

test("cache: a TTL that is read as a zone or as a capacity is warned about", () => {
  const wanted = "a TTL is a number of seconds before the zones, as in";
  for (const [directive, problem] of [
    ["cache 30s", `"30s" is read as a zone: ${wanted} "cache 30"`],
    ["cache example.org 60", `"60" is read as a zone: ${wanted} "cache 60"`],
    [
      "cache { success 30\n}",
      'CAPACITY of success is only 30 answers: a TTL of 30 seconds is written "success 9984 30"',
    ],
    [
      "cache { denial 5\n}",
      'CAPACITY of denial is only 5 answers: a TTL of 5 seconds is written "denial 9984 5"',
    ],
  ] as const) {
    assert.deepEqual(readSetup(cacheSetup, directive).problems, [`2: ${problem}`]);
  }
  for (const directive of ["cache 30 example.org", "cache { success 9984\n denial 5 5\n}"]) {
    assert.deepEqual(readSetup(cacheSetup, directive).problems, []);
  }
});

test("cache: a zone outside the server block is warned about", () => {
  const options = { zones: ["cluster.local."] };
  assert.deepEqual(readSetup(cacheSetup, "cache example.org", options).problems, [
    '2: Zone "example.org" has nothing in this server block',
  ]);
  assert.deepEqual(readSetup(cacheSetup, "cache svc.cluster.local local", options).problems, []);
});

test("cache: every wrong value is reported with what was expected", () => {
  const ttl = "expected a whole number of seconds from 1";
  checkErrors("cache 0", `2: Cannot read TTL: ${ttl}, got "0"`);
  checkErrors("cache -1", `2: Cannot read TTL: ${ttl}, got "-1"`);
  checkErrors("cache 99999999999", `2: Cannot read TTL: ${ttl}, got "99999999999"`);
  checkErrors("cache a..b", '2: Cannot read zone "a..b": expected no empty label');
  checkErrors(
    "cache\ncache",
    '3: Cannot use "cache" twice in a server block: already at Corefile:2',
  );
  checkErrors(
    "cache {\nsucess 10\ndenial\nservfail 6m\n}",
    '3: Unknown option "sucess": did you mean "success"?',
    '4: Missing argument after "denial": expected denial CAPACITY [TTL] [MINTTL]',
    '5: Cannot read DURATION of servfail: expected a duration from 0 to 5m, such as 5s, got "6m"',
  );
  checkErrors(
    "cache {\nsuccess ten 0 -1\ndenial 1 2 3 4\n}",
    '3: Cannot read CAPACITY of success: expected a whole number from 0, got "ten"',
    `3: Cannot read TTL of success: ${ttl}, got "0"`,
    '3: Cannot read MINTTL of success: expected a whole number of seconds from 0, got "-1"',
    '4: Unexpected "4" after "denial": expected denial CAPACITY [TTL] [MINTTL]',
  );
  checkErrors(
    "cache {\nservfail 5\nservfail\nkeepttl yes\n}",
    '3: Cannot read DURATION of servfail: expected a duration from 0 to 5m, such as 5s, got "5": did you mean "5s"?',
    '4: Missing argument after "servfail": expected servfail DURATION',
    '5: Unexpected "yes" after "keepttl": expected keepttl alone',
  );
  checkErrors(
    "cache {\ndisable\ndisable all\nwidth 3\n}",
    '3: Missing argument after "disable": expected disable success|denial [ZONES...]',
    '4: Cannot read class of disable: expected success or denial, got "all"',
    '5: Unknown option "width": expected success, denial, servfail, disable, keepttl, prefetch, ' +
      "serve_stale or serve_stale_policy",
  );
});

test("cache: wrong values of prefetch and serve_stale are errors", () => {
  const cases: [line: string, error: string][] = [
    ["prefetch 1 1m 9%", 'PERCENTAGE of prefetch: expected 10% to 90%, got "9%"'],
    ["prefetch 1 1m 50", 'PERCENTAGE of prefetch: expected 10% to 90%, got "50"'],
    ["prefetch -1", 'AMOUNT of prefetch: expected a whole number from 0, got "-1"'],
    [
      "serve_stale -1h",
      'DURATION of serve_stale: expected a duration from 0, such as 1m, got "-1h"',
    ],
    [
      "serve_stale 1h verfy",
      'MODE of serve_stale: expected immediate or verify, got "verfy": did you mean "verify"?',
    ],
    [
      "serve_stale 1h immediate 1.5s",
      'RESPONSE_TTL of serve_stale: expected a duration in whole seconds, such as 30s, got "1.5s"',
    ],
    [
      "serve_stale 1h immediate 1s 6m",
      'RECHECK of serve_stale: expected a duration from 0 to 5m, such as 10s, got "6m"',
    ],
    [
      "serve_stale_policy newest",
      'policy of serve_stale_policy: expected prefer_positive, got "newest"',
    ],
  ];
  for (const [line, error] of cases) {
    checkErrors(`cache {\n${line}\n}`, `3: Cannot read ${error}`);
  }
});
