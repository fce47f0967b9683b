/** The runner must notice what is wrong: each scenario here fails, for the reason given. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseScenario, ScenarioError } from "./parse_scenario.ts";
import { runScenario } from "./run_scenario.ts";

const HEAD = `Corefile
    .:53 {
        forward . 203.0.113.1
        cache
    }
`;
const ASK = `client c1 asks www.example.org. A
upstream 203.0.113.1 gets www.example.org. A
`;
const REPLY = `upstream 203.0.113.1 replies
    answer www.example.org. 60 A 192.0.2.1
`;
const GET = `client c1 gets
    answer www.example.org. 60 A 192.0.2.1
`;

function check(text: string, expected: RegExp): void {
  assert.throws(
    () => runScenario(parseScenario(text, "x.scenario")),
    (error) => {
      assert.ok(error instanceof ScenarioError, String(error));
      assert.match(error.message.split("\n")[0]!, expected);
      return true;
    },
  );
}

test("runScenario() accepts the scenario that the others are made from", () => {
  runScenario(parseScenario(HEAD + ASK + REPLY + GET, "x.scenario"));
});

const WRONG: Record<string, [text: string, expected: RegExp]> = {
  "an answer that nobody expected": [HEAD + ASK + REPLY, /:8: at the end, c1 got an answer/],
  "a question that is never answered": [`${HEAD}${ASK}`, /:7: at the end, c1 got no answer to #1/],
  "an upstream query that nobody expected": [
    `${HEAD}client c1 asks www.example.org. A\nclient c1 gets nothing ever\n`,
    /at the end, 203\.0\.113\.1 got a query/,
  ],
  "an answer that does not come": [`${HEAD}${ASK}client c1 gets\n`, /:8: c1 got no answer$/],
  "a query that does not come": [
    `${HEAD}upstream 203.0.113.1 gets www.example.org. A\n`,
    /:6: 203\.0\.113\.1 got no query/,
  ],
  "an answer where none was expected": [
    `${HEAD}${ASK}${REPLY}client c1 gets nothing\n`,
    /:10: c1 got #1 NOERROR/,
  ],
  "another rcode": [HEAD + ASK + REPLY + GET.replace("gets", "gets SERVFAIL"), /rcode is not SERV/],
  "another TTL": [HEAD + ASK + REPLY + GET.replace("60", "59"), /answer is not www/],
  "another owner's case": [HEAD + ASK + REPLY + GET.replace("www", "wWw"), /answer is not wWw/],
  "another section": [HEAD + ASK + REPLY + GET.replace("answer", "authority"), /authority is not/],
  "a missing flag": [HEAD + ASK + REPLY + GET.replace("gets", "gets ad"), /set of flags is not/],
  "an OPT that is not there": [
    HEAD + ASK + REPLY + GET.replace("gets", "gets edns"),
    /EDNS is not/,
  ],
  "a question that is there": [
    HEAD + ASK + REPLY + GET.replace("gets", "gets -question"),
    /question is not \[\]/,
  ],
  "another name upstream": [HEAD + ASK.replace("gets www", "gets WWW"), /:7: .*expected/],
  "another transport": [HEAD + ASK.replace(/A\n$/, "A tcp\n"), /:7: .* by UDP/],
  "a flag that is not sent": [HEAD + ASK.replace(/A\n$/, "A cd\n"), /:7: .*expected/],
  "a counter": [`${HEAD}counter hits is 1\n`, /:6: counter hits is 0/],
  "a connection": [`${HEAD}upstream 203.0.113.1 has 1 connection\n`, /:6: .*has 0 connections/],
  "a word without a meaning": [`${HEAD}client c1 asks a. A quickly\n`, /"quickly" has no meaning/],
  "a verb without a meaning": [`${HEAD}client c1 sings\n`, /:6: a client cannot "sings"/],
  "an upstream that is none": [`${HEAD}upstream 203.0.113.7 refuses\n`, /no forward names/],
  "a subject without a meaning": [`${HEAD}nobody asks\n`, /:6: is not a step/],
  "a record without a meaning": [
    `${HEAD}client c1 gets\n    answer www. A\n`,
    /:7: .*NAME TTL TYPE/,
  ],
  "no Corefile": ["client c1 gets\n", /:1: there is no Corefile/],
  "a line that belongs nowhere": ["  answer www. 1 A 192.0.2.1\n", /:1: belongs to no step/],
};

for (const [what, [text, expected]] of Object.entries(WRONG)) {
  test(`runScenario() notices ${what}`, () => check(text, expected));
}

test("runScenario() tells what was said before it failed", () => {
  assert.throws(() => runScenario(parseScenario(HEAD + ASK + REPLY, "x.scenario")), {
    message: /what was said:\n {5}0\.000 c1 asks #1 NOERROR rd \| www\.example\.org\. A\n/,
  });
});
