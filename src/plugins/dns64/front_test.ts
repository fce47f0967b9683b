import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIpAddress, parseIpAddress } from "../../std/ip_address.ts";
import { FLAG_AD, TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_SOA } from "../../wire/constants.ts";
import { type DnsMessage, messageFor, recordOf } from "../../wire/message.ts";
import { nameToWire } from "../../wire/name.ts";
import { queryOf, readSetup, requestFor, STAGE_CONTEXT } from "../testing.ts";
import { Dns64Plugin, embed } from "./front.ts";
import { dns64Setup } from "./setup.ts";

const NAME = "www.example.org.";
const SOA_TTL_SEC = 30;
const DENIED = { authorities: [recordOf("org.", TYPE_SOA, SOA_TTL_SEC, new Uint8Array(22))] };
const V4_ONLY = { answers: [recordOf(NAME, TYPE_A, 60, address("192.0.2.33"))] };
const V6_CLIENT = client("2001:db8::7");

function address(text: string): Uint8Array {
  return parseIpAddress(text)!;
}

function client(text: string) {
  return { address: text, addressBytes: address(text), port: 5300, isTcp: false };
}

function settingsOf(directive: string) {
  return readSetup(dns64Setup, directive).settings;
}

interface Parts {
  readonly directive?: string;
  readonly request?: Parameters<typeof requestFor>[2];
}

/** What a client gets, when these are the answers of the next plugin. */
function ask(
  aaaa: Partial<DnsMessage> | null,
  a: Partial<DnsMessage> | null,
  { directive = "dns64", request = { client: V6_CLIENT } }: Parts = {},
) {
  const types: number[] = [];
  let translated = 0;
  let answer: DnsMessage | null = null;
  const plugin = new Dns64Plugin(settingsOf(directive), {
    counter: () => ({ add: () => void translated++ }),
  });
  plugin.handle(
    requestFor(NAME, TYPE_AAAA, request),
    (asked, done) => {
      types.push(asked.type);
      const parts = asked.type === TYPE_AAAA ? aaaa : a;
      done(parts && messageFor(asked, parts));
    },
    (message) => {
      answer = message;
    },
  );
  const text = (answer as DnsMessage | null)?.answers.map(({ type, ttlSec, rdata }) =>
    type === TYPE_AAAA ? `${ttlSec} ${formatIpAddress(rdata)}` : `${ttlSec} type ${type}`,
  );
  return { types, translated, text, answer: answer as DnsMessage | null };
}

test("embed() puts an address behind a prefix of each length (RFC 6052 §2.4)", () => {
  const cases: [prefix: string, made: string][] = [
    ["2001:db8::/32", "2001:db8:c000:221::"],
    ["2001:db8:100::/40", "2001:db8:1c0:2:21::"],
    ["2001:db8:122::/48", "2001:db8:122:c000:2:2100::"],
    ["2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"],
    ["2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"],
    ["2001:db8:122:344::/96", "2001:db8:122:344::c000:221"],
    ["64:ff9b::/96", "64:ff9b::c000:221"],
  ];
  for (const [prefix, made] of cases) {
    const embedded = embed(settingsOf(`dns64 ${prefix}`).prefix, address("192.0.2.33"));
    assert.equal(formatIpAddress(embedded), made, prefix);
  }
});

test("Dns64Plugin makes AAAA records where there are only A records", () => {
  assert.deepEqual(ask(DENIED, V4_ONLY).text, ["30 64:ff9b::c000:221"]);
  assert.deepEqual(ask({}, V4_ONLY).text, ["60 64:ff9b::c000:221"]);
  const long = { answers: [recordOf(NAME, TYPE_A, 3600, address("192.0.2.33"))] };
  assert.deepEqual(ask({}, long).text, ["600 64:ff9b::c000:221"]);
  assert.equal(ask(DENIED, V4_ONLY).translated, 1);
  // Failures are no answers either (RFC 6147 §5.1.2).
  assert.deepEqual(ask({ rcode: 2 }, V4_ONLY).text, ["60 64:ff9b::c000:221"]);
  assert.equal(ask({ rcode: 2 }, V4_ONLY).answer?.rcode, 0);
  assert.equal(ask(DENIED, { ...V4_ONLY, flags: FLAG_AD }).answer?.flags, 0);
});

test("Dns64Plugin keeps aliases before the records that it makes", () => {
  const alias = recordOf(NAME, TYPE_CNAME, 90, nameToWire("a.example.org."));
  const answers = [alias, recordOf("a.example.org.", TYPE_A, 60, address("192.0.2.33"))];
  const { text, answer } = ask({ ...DENIED, answers: [alias] }, { answers });
  assert.deepEqual(text, ["90 type 5", "30 64:ff9b::c000:221"]);
  assert.equal(answer?.answers[1]?.name, "a.example.org.");
});

test("Dns64Plugin leaves answers alone that need nothing", () => {
  const real = { answers: [recordOf(NAME, TYPE_AAAA, 60, address("2001:db8::1"))] };
  assert.deepEqual(ask(real, V4_ONLY), { ...ask(real, null), types: [TYPE_AAAA] });
  assert.deepEqual(ask(real, V4_ONLY).text, ["60 2001:db8::1"]);
  const missing = ask({ ...DENIED, rcode: 3 }, V4_ONLY);
  assert.deepEqual(missing.types, [TYPE_AAAA]);
  assert.equal(missing.answer?.rcode, 3);
  assert.equal(ask(null, V4_ONLY).answer, null);
  // No A record either: the denial, with the SOA that says so, is the answer.
  for (const a of [{}, null, { rcode: 2 }]) {
    const { answer, translated } = ask(DENIED, a);
    assert.deepEqual(answer?.authorities, DENIED.authorities);
    assert.equal(translated, 0);
  }
});

test("Dns64Plugin takes AAAA records of mapped addresses for none", () => {
  const mapped = recordOf(NAME, TYPE_AAAA, 60, address("::ffff:192.0.2.1"));
  const real = recordOf(NAME, TYPE_AAAA, 60, address("2001:db8::1"));
  assert.deepEqual(ask({ answers: [mapped] }, V4_ONLY).text, ["60 64:ff9b::c000:221"]);
  assert.deepEqual(ask({ answers: [mapped, real] }, V4_ONLY).text, ["60 2001:db8::1"]);
});

test("Dns64Plugin translates all if asked to", () => {
  const real = { answers: [recordOf(NAME, TYPE_AAAA, 60, address("2001:db8::1"))] };
  const directive = "dns64 {\ntranslate_all\n}";
  assert.deepEqual(ask(real, V4_ONLY, { directive }).text, ["60 64:ff9b::c000:221"]);
  assert.deepEqual(ask(real, {}, { directive }).text, ["60 2001:db8::1"]);
});

test("Dns64Plugin is for AAAA queries over IPv6 of clients that do not validate", () => {
  const cases: [directive: string, from: string, parts: object, isWanted: boolean][] = [
    ["dns64", "2001:db8::7", {}, true],
    ["dns64", "192.0.2.7", {}, false],
    ["dns64", "::ffff:192.0.2.7", {}, false],
    ["dns64 {\nallow_ipv4\n}", "192.0.2.7", {}, true],
    ["dns64", "2001:db8::7", { dnssecOk: true }, true],
    ["dns64", "2001:db8::7", { checkingDisabled: true }, true],
    ["dns64", "2001:db8::7", { dnssecOk: true, checkingDisabled: true }, false],
    ["dns64", "2001:db8::7", { type: TYPE_A }, false],
    ["dns64", "2001:db8::7", { class: 3 }, false],
  ];
  for (const [directive, from, parts, isWanted] of cases) {
    const request = { client: client(from), ...parts };
    const { types } = ask(DENIED, V4_ONLY, { directive, request });
    assert.equal(types.length, isWanted ? 2 : 1, `${from} ${JSON.stringify(parts)}`);
    const asked = requestFor(NAME, TYPE_AAAA, request);
    const query = queryOf(NAME, asked.type, asked.class);
    query.dnssecOk = asked.dnssecOk ? 1 : 0;
    query.checkingDisabled = asked.checkingDisabled ? 1 : 0;
    const bytes = address(from);
    const where = { bytes, offset: 0, length: bytes.length };
    const plugin = new Dns64Plugin(settingsOf(directive), STAGE_CONTEXT);
    assert.equal(plugin.wants(query, where), isWanted, `${from} ${JSON.stringify(parts)}`);
  }
});
