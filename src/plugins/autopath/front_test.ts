import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPE_A, TYPE_CNAME } from "../../wire/constants.ts";
import { type DnsMessage, messageFor, recordOf } from "../../wire/message.ts";
import { wireToName } from "../../wire/name.ts";
import { queryOf, requestFor, STAGE_CONTEXT } from "../testing.ts";
import { AutopathPlugin } from "./front.ts";

const SETTINGS = {
  zones: ["cluster.local."],
  search: ["default.svc.cluster.local.", "svc.cluster.local.", "cluster.local."],
  file: "/etc/resolv.conf",
};
const ADDRESS = Uint8Array.of(192, 0, 2, 1);

/** @param there names that exist, with their rcode, or with an address. */
function ask(name: string, there: Readonly<Record<string, number | "address" | null>>) {
  const asked: string[] = [];
  let found = 0;
  let answer: DnsMessage | null = null;
  new AutopathPlugin(SETTINGS, { counter: () => ({ add: () => void found++ }) }).handle(
    requestFor(name, TYPE_A),
    (request, done) => {
      asked.push(request.name);
      const what = Object.hasOwn(there, request.name) ? there[request.name] : 3;
      if (what === null) return done(null);
      if (what !== "address") return done(messageFor(request, { rcode: what }));
      const answers = [recordOf(request.name, TYPE_A, 60, ADDRESS)];
      return done(messageFor(request, { answers }));
    },
    (message) => {
      answer = message;
    },
  );
  const message = answer as DnsMessage | null;
  const text = message?.answers.map((record) =>
    record.type === TYPE_CNAME
      ? `${record.name} -> ${wireToName(record.rdata)}`
      : `${record.name} ${record.ttlSec}`,
  );
  return { asked, found, text, rcode: message?.rcode };
}

test("AutopathPlugin asks for what the client would ask for next", () => {
  const first = "www.example.org.default.svc.cluster.local.";
  const { asked, found, text } = ask(first, { "www.example.org.": "address" });
  assert.deepEqual(asked, [
    first,
    "www.example.org.svc.cluster.local.",
    "www.example.org.cluster.local.",
    "www.example.org.",
  ]);
  assert.deepEqual(text, [`${first} -> www.example.org.`, "www.example.org. 60"]);
  assert.equal(found, 1);
});

test("AutopathPlugin takes the first name that is there", () => {
  const first = "web.default.svc.cluster.local.";
  assert.deepEqual(ask(first, { [first]: "address" }).text, [`${first} 60`]);
  assert.deepEqual(ask(first, { [first]: "address" }).asked, [first]);
  const second = "web.svc.cluster.local.";
  // Without records there is nothing that an alias could lead to.
  assert.deepEqual(ask(first, { [second]: 0 }).text, []);
  assert.deepEqual(ask(first, { [second]: 0 }).asked, [first, second]);
  assert.equal(ask(first, { [first]: 2, [second]: "address" }).text?.length, 2);
});

test("AutopathPlugin gives the first answer when there is none", () => {
  const first = "web.default.svc.cluster.local.";
  const nothing = ask(first, {});
  assert.equal(nothing.asked.length, 4);
  assert.equal(nothing.rcode, 3);
  assert.equal(nothing.found, 0);
  assert.equal(ask(first, { [first]: 2 }).rcode, 2);
  assert.equal(ask(first, { [first]: null }).rcode, undefined);
});

test("AutopathPlugin is for names below the first element of the list, and in its zones", () => {
  const cases: [name: string, isWanted: boolean][] = [
    ["web.default.svc.cluster.local.", true],
    ["Web.DEFAULT.svc.cluster.local.", true],
    ["default.svc.cluster.local.", false],
    ["web\\.default.svc.cluster.local.", false],
    ["web.svc.cluster.local.", false],
    ["www.example.org.", false],
    [".", false],
  ];
  const plugin = new AutopathPlugin(SETTINGS, STAGE_CONTEXT);
  for (const [name, isWanted] of cases) {
    assert.equal(plugin.wants(queryOf(name, TYPE_A)), isWanted, name);
    assert.equal(ask(name.toLowerCase(), {}).asked.length, isWanted ? 4 : 1, name);
  }
  assert.ok(!plugin.wants(queryOf("web.default.svc.cluster.local.", TYPE_A, 3)));
  const elsewhere = { ...SETTINGS, zones: ["example.org."] };
  const other = new AutopathPlugin(elsewhere, STAGE_CONTEXT);
  assert.ok(!other.wants(queryOf("web.default.svc.cluster.local.", TYPE_A)));
});
