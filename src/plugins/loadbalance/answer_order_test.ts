import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_MX, TYPE_NS } from "../../wire/constants.ts";
import {
  type DnsMessage,
  type DnsRecord,
  decodeMessage,
  encodeMessage,
  messageFor,
  recordOf,
} from "../../wire/message.ts";
import { nameToWire, wireToName } from "../../wire/name.ts";
import { joinBytes, words16 } from "../../wire/rdata_parts.ts";
import { AnswerOrder } from "./answer_order.ts";
import type { LoadbalanceSettings } from "./settings.ts";

const OFFSET = 64;
const QUESTION = { name: "www.example.org.", type: TYPE_A, class: 1 };
const PLAIN: LoadbalanceSettings = {
  policy: "round_robin",
  prefer: [],
  reloadMs: 0,
  names: [],
};

const a = (last: number, name = QUESTION.name) =>
  recordOf(name, TYPE_A, 60, Uint8Array.of(192, 0, 2, last));
const aaaa = (last: number) => {
  const bytes = new Uint8Array(16);
  bytes[15] = last;
  return recordOf(QUESTION.name, TYPE_AAAA, 60, bytes);
};
const cname = (from: string, to: string) => recordOf(from, TYPE_CNAME, 60, nameToWire(to));
const mx = (preference: number, target: string) =>
  recordOf(QUESTION.name, TYPE_MX, 60, joinBytes(words16(preference), nameToWire(target)));

/** `draws` are what the random numbers are, the last one again and again. */
function arrange(
  message: Partial<DnsMessage>,
  draws: readonly number[] | ((limit: number) => number),
  settings: Partial<LoadbalanceSettings> = {},
  limitBytes = 4096,
): DnsMessage {
  let drawn = 0;
  const next = (limit: number) =>
    typeof draws === "function" ? draws(limit) : Math.min(draws[drawn++] ?? 0, limit - 1);
  const order = new AnswerOrder({ ...PLAIN, ...settings }, next);
  const encoded = encodeMessage(messageFor(message.question ?? QUESTION, message));
  const bytes = new Uint8Array(new SharedArrayBuffer(OFFSET + 4096));
  bytes.set(encoded, OFFSET);
  const view = new DataView(bytes.buffer);
  const length = order.arrange(bytes, view, OFFSET, encoded.length, limitBytes);
  return decodeMessage(bytes, OFFSET, length);
}

function brief(records: readonly DnsRecord[]): string {
  return records
    .map(({ type, rdata }) => {
      if (type === TYPE_CNAME) return "cname";
      return type === TYPE_MX ? `${rdata[1]} ${wireToName(rdata, 2)}` : String(rdata.at(-1));
    })
    .join(" ");
}

test("AnswerOrder.arrange() shuffles addresses by the numbers drawn", () => {
  const records = [a(1), a(2), a(3)];
  const cases: [draws: number[], order: string][] = [
    [[0, 0], "1 2 3"],
    [[1, 0], "2 1 3"],
    [[2, 0], "3 2 1"],
    [[0, 1], "1 3 2"],
    [[2, 1], "3 1 2"],
  ];
  for (const [draws, order] of cases) {
    assert.equal(brief(arrange({ answers: records }, draws).answers), order, String(draws));
  }
});

test("AnswerOrder.arrange() keeps aliases first and other sets as they are", () => {
  const answers = [
    cname("www.example.org.", "a.example.org."),
    a(1, "a.example.org."),
    a(2, "a.example.org."),
  ];
  assert.equal(brief(arrange({ answers }, [1]).answers), "cname 2 1");
  const late = [
    a(1, "a.example.org."),
    a(2, "a.example.org."),
    cname("www.example.org.", "a.example.org."),
  ];
  assert.equal(brief(arrange({ answers: late }, [1, 0]).answers), "cname 2 1");
  const mixed = [a(1, "x.org."), a(2, "y.org."), aaaa(3), aaaa(4)];
  assert.equal(brief(arrange({ answers: mixed }, [1]).answers), "1 2 4 3");
});

test("AnswerOrder.arrange() shuffles addresses of the additional section, not servers", () => {
  const ns = (target: string) => recordOf("example.org.", TYPE_NS, 60, nameToWire(target));
  const { authorities, additionals } = arrange(
    {
      answers: [a(9)],
      authorities: [ns("a.org."), ns("b.org.")],
      additionals: [a(1, "a.org."), a(2, "a.org."), a(3, "b.org.")],
    },
    [1],
  );
  assert.deepEqual(
    authorities.map(({ rdata }) => wireToName(rdata)),
    ["a.org.", "b.org."],
  );
  assert.equal(brief(additionals), "2 1 3");
});

test("AnswerOrder.arrange() writes MX records anew, names in and to them stay whole", () => {
  const answers = [mx(10, "mail1.example.org."), mx(20, "mail2.x.example.org."), mx(30, "z.net.")];
  const message = arrange({ answers, additionals: [a(1, "mail2.x.example.org.")] }, [2, 0, 0]);
  assert.equal(brief(message.answers), "30 z.net. 10 mail1.example.org. 20 mail2.x.example.org.");
  assert.equal(message.additionals[0]?.name, "mail2.x.example.org.");
});

test("AnswerOrder.arrange() leaves alone what would grow beyond the limit, and errors", () => {
  const answers = [mx(10, "a.org."), mx(20, "b.org.")];
  assert.equal(brief(arrange({ answers }, [1], {}, 60).answers), "10 a.org. 20 b.org.");
  assert.equal(brief(arrange({ rcode: 2, answers: [a(1), a(2)] }, [1]).answers), "1 2");
  assert.equal(arrange({}, [1]).answers.length, 0);
});

test("AnswerOrder.arrange() puts preferred prefixes first, the first of them before others", () => {
  const prefer = [
    { bytes: [192, 0, 2, 64], bits: 26 },
    { bytes: [192, 0, 2, 3], bits: 32 },
  ];
  const answers = [a(1), a(3), a(65), a(2), a(66)];
  assert.equal(brief(arrange({ answers }, [0], { prefer }).answers), "65 66 3 1 2");
  // Shuffled before: 1 and 66 have changed places.
  assert.equal(brief(arrange({ answers }, [4, 0], { prefer }).answers), "66 65 3 2 1");
});

test("AnswerOrder.arrange() chooses the first address by weight", () => {
  const addresses = [{ bytes: [192, 0, 2, 2], weight: 3 }];
  const names = [{ name: QUESTION.name, addresses }];
  const settings = { policy: "weighted" as const, names };
  const answers = [a(1), a(2), a(3)];
  const firsts = [0, 1, 2, 3, 4].map((drawn) =>
    brief(arrange({ answers }, [drawn], settings).answers),
  );
  assert.deepEqual(firsts, ["1 2 3", "2 1 3", "2 1 3", "2 1 3", "3 2 1"]);
  const other = answers.map((record) => ({ ...record, name: "Other.example.org." }));
  assert.equal(brief(arrange({ answers: other }, [1], settings).answers), "2 1 3");
  const question = { ...QUESTION, type: 255 };
  assert.equal(brief(arrange({ question, answers }, [2], settings).answers), "1 2 3");
});

test("AnswerOrder.arrange() loses and invents no record", () => {
  const record = fc.oneof(
    fc.integer({ min: 0, max: 255 }).map((last) => a(last)),
    fc.integer({ min: 0, max: 255 }).map(aaaa),
    fc.integer({ min: 0, max: 255 }).map((preference) => mx(preference, "mail.example.org.")),
    fc.constant(cname("www.example.org.", "a.example.org.")),
  );
  const records = fc.array(record, { maxLength: 12 });
  fc.assert(
    fc.property(records, records, fc.infiniteStream(fc.nat()), (answers, additionals, draws) => {
      const draw = (limit: number) => draws.next().value % limit;
      const arranged = arrange({ answers, additionals }, draw);
      const sorted = (list: readonly DnsRecord[]) =>
        list.map(({ type, rdata }) => `${type} ${rdata}`).sort();
      assert.deepEqual(sorted(arranged.answers), sorted(answers));
      assert.deepEqual(sorted(arranged.additionals), sorted(additionals));
    }),
  );
});
