import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPE_A, TYPE_SRV } from "../../wire/constants.ts";
import { type DnsMessage, type DnsRecord, messageFor, recordOf } from "../../wire/message.ts";
import { nameToWire, wireToName } from "../../wire/name.ts";
import { joinBytes, words16 } from "../../wire/rdata_parts.ts";
import type { Request } from "../front_plugin.ts";
import { queryOf, readSetup, requestFor } from "../testing.ts";
import { RewritePlugin } from "./front.ts";
import { rewriteSetup } from "./setup.ts";

const ADDRESS = Uint8Array.of(192, 0, 2, 1);

function pluginOf(directives: string): RewritePlugin {
  const { settings, problems } = readSetup(rewriteSetup, directives);
  assert.deepEqual(problems, []);
  return new RewritePlugin(settings);
}

/** What is asked in place of `request`, and what becomes of the answer with these records. */
function rewrite(
  directives: string,
  request: Request,
  records: (name: string) => readonly DnsRecord[] = (name) => [recordOf(name, TYPE_A, 60, ADDRESS)],
): { readonly asked: Request | null; readonly answer: DnsMessage | null } {
  let asked: Request | null = null;
  let answer: DnsMessage | null = null;
  pluginOf(directives).handle(
    request,
    (next, done) => {
      asked = next;
      done(messageFor(next, { answers: records(next.name) }));
    },
    (message) => {
      answer = message;
    },
  );
  return { asked, answer };
}

test("RewritePlugin wants the queries that a rule is for", () => {
  const cases: [directives: string, wanted: string[], others: string[]][] = [
    ["rewrite name a.org b.org", ["a.org", "A.ORG"], ["b.org", "x.a.org", "aa.org", "org", "."]],
    [
      "rewrite name suffix .a.org .b.org",
      ["x.a.org", "x.y.A.org"],
      ["a.org", "xa.org", "a.org.net"],
    ],
    ["rewrite name suffix a.org b.org", ["x.a.org", "a.org", "xa.org"], ["b.org"]],
    ["rewrite name prefix a b", ["a.org", "ax.org", "a"], ["b.a.org", "."]],
    ["rewrite name substring x.y z", ["x.y.org", "ax.yb.org"], ["x.org", "y.x.org", "xy.org"]],
    ["rewrite name regex ^(a|b)\\.org\\.$ c", ["a.org", "b.org"], ["c.org", "a.org.net"]],
    ["rewrite ttl a.org 5", ["a.org"], ["b.org"]],
    ["rewrite rcode suffix .org 2 3", ["a.org"], ["a.net", "org"]],
    ["rewrite cname a b", ["any.org"], []],
    ["rewrite edns0 nsid set", ["any.org"], []],
    ["rewrite type AAAA A", [], ["a.org"]],
    ["rewrite type A AAAA", ["a.org"], []],
    ["rewrite class IN CH", ["a.org"], []],
    ["rewrite class CH IN", [], ["a.org"]],
    // Names that need escapes as text are for `handle` to look at.
    ["rewrite name a.org b.org", ["a\\.b.org", "a\\000.org"], []],
  ];
  for (const [directives, wanted, others] of cases) {
    const plugin = pluginOf(directives);
    for (const name of wanted)
      assert.ok(plugin.wants(queryOf(name, TYPE_A)), `${directives}: ${name}`);
    for (const name of others)
      assert.ok(!plugin.wants(queryOf(name, TYPE_A)), `${directives}: ${name}`);
  }
});

test("RewritePlugin asks for another name and gives the answer the old one", () => {
  const cases: [directives: string, name: string, asked: string][] = [
    ["rewrite name a.org b.org", "a.org.", "b.org."],
    ["rewrite name a.org b.org", "x.org.", "x.org."],
    ["rewrite name prefix a- b.", "a-x.org.", "b.x.org."],
    ["rewrite name suffix .a.org .b.net", "x.a.org.", "x.b.net."],
    ["rewrite name substring .us. .eu.", "x.us.us.org.", "x.eu.us.org."],
    ["rewrite name regex (.*)-(us)\\.org {2}.{1}.net", "x-us.org.", "us.x.net."],
    ["rewrite continue name a.org b.org\nrewrite name b.org c.org", "a.org.", "c.org."],
    ["rewrite name a.org b.org\nrewrite name b.org c.org", "a.org.", "b.org."],
    ["rewrite name regex ^A C.org", "a.org.", "a.org."],
    ["rewrite name regex ^a C.org", "a.org.", "c.org."],
  ];
  for (const [directives, name, wanted] of cases) {
    const { asked, answer } = rewrite(directives, requestFor(name, TYPE_A));
    assert.equal(asked?.name, wanted, directives);
    assert.equal(answer?.answers[0]?.name, name, directives);
  }
});

test("RewritePlugin renames owners and values as the options of a rule say", () => {
  const cases: [directive: string, owner: string, target: string, becomes: string][] = [
    ["name exact x.a.org x.b.net", "x.b.net.", "y.x.b.net.", "x.a.org. y.x.a.org."],
    ["name exact x.a.org x.b.net", "y.x.b.net.", "other.net.", "y.x.a.org. other.net."],
    ["name suffix .a.org .b.net", "x.b.net.", "y.b.net.", "x.a.org. y.b.net."],
    ["name suffix .a.org .b.net answer auto", "x.b.net.", "y.b.net.", "x.a.org. y.a.org."],
    [
      "name regex ^x\\.a\\.org x.b.net answer auto",
      "x.b.net.",
      "z.x.b.net.",
      "x.a.org. z.x.a.org.",
    ],
    ["name regex ^x x.b.net answer name ^x\\. q.org", "x.b.net.", "y.b.net.", "q.org. y.b.net."],
    [
      "name regex ^x x.b.net answer value (.*)\\.b\\.net {1}.a.org",
      "x.b.net.",
      "y.b.net.",
      "x.a.org. y.a.org.",
    ],
    [
      "name exact x.a.org x.b.net answer name nothing q.org",
      "x.b.net.",
      "y.b.net.",
      "x.b.net. y.b.net.",
    ],
  ];
  for (const [directive, owner, target, becomes] of cases) {
    const data = joinBytes(words16(1, 2, 53), nameToWire(target));
    const { answer } = rewrite(`rewrite ${directive}`, requestFor("x.a.org.", TYPE_SRV), () => [
      recordOf(owner, TYPE_SRV, 60, data),
    ]);
    const record = answer?.answers[0];
    assert.ok(record);
    assert.deepEqual(record.rdata.slice(0, 6), data.slice(0, 6));
    assert.equal(`${record.name} ${wireToName(record.rdata, 6)}`, becomes, directive);
  }
});

test("RewritePlugin applies TTL rules in their order", () => {
  const directives =
    "rewrite continue ttl a.org 10\nrewrite continue ttl prefix a 20-\nrewrite ttl b.org 1";
  const { answer } = rewrite(directives, requestFor("a.org.", TYPE_A));
  assert.equal(answer?.answers[0]?.ttlSec, 20);
});

test("RewritePlugin puts options into what is asked upstream", () => {
  const cases: [directives: string, options: number[] | undefined][] = [
    ["rewrite edns0 local set 5 ab", [0, 5, 0, 2, 97, 98]],
    ["rewrite continue edns0 local set 5 ab\nrewrite edns0 local set 5 c", [0, 5, 0, 1, 99]],
    ["rewrite continue edns0 local set 5 ab\nrewrite edns0 local append 5 c", [0, 5, 0, 2, 97, 98]],
    ["rewrite continue edns0 local set 5 ab\nrewrite edns0 local unset 5", []],
    ["rewrite edns0 local unset 5", undefined],
    ["rewrite edns0 local set 5 {qtype}", [0, 5, 0, 2, 0, 1]],
    ["rewrite edns0 local set 5 {qname}", [0, 5, 0, 6, 97, 46, 111, 114, 103, 46]],
    ["rewrite edns0 local set 5 {client_ip}", [0, 5, 0, 4, 192, 0, 2, 77]],
    ["rewrite edns0 local set 5 {protocol}", [0, 5, 0, 3, 117, 100, 112]],
    ["rewrite edns0 subnet set 20 56", [0, 8, 0, 7, 0, 1, 20, 0, 192, 0, 0]],
    ["rewrite edns0 subnet set 0 0", [0, 8, 0, 4, 0, 1, 0, 0]],
  ];
  for (const [directives, options] of cases) {
    const { asked } = rewrite(directives, requestFor("a.org.", TYPE_A));
    assert.deepEqual(asked?.options && [...asked.options], options, directives);
  }
});
