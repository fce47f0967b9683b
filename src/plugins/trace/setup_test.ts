import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { traceSetup } from "./setup.ts";

const REFUSED =
  "2: Cannot use trace: trace is not in this build: " +
  "take the directive out, and use log or prometheus to see what is slow";

test("trace: whatever CoreDNS takes is refused by one error that names it", () => {
  const directives = [
    "trace",
    "trace tracinghost:9253",
    "trace zipkin tracinghost:9253",
    "trace datadog localhost:8126 {\nevery 100\nservice dns\nclient_server\n}",
    "trace {\nclient_server off\nzipkin_max_batch_size 3\nzipkin_max_backlog_size 10\n}",
    "trace {\nzipkin_max_batch_interval 5s\ndatadog_analytics_rate 0.5\n}",
  ];
  for (const text of directives) {
    assert.deepEqual(readSetup(traceSetup, text).problems, [REFUSED], text);
  }
});

test("trace: what CoreDNS does not take is reported beside it", () => {
  const cases: [directives: string, problem: string][] = [
    [
      "trace jaeger localhost",
      '2: Cannot read ENDPOINT-TYPE: expected zipkin or datadog, got "jaeger"',
    ],
    ["trace {\nevery 0\n}", '3: Cannot read every AMOUNT: expected a whole number from 1, got "0"'],
    ["trace {\nevry 1\n}", '3: Unknown option "evry": did you mean "every"?'],
  ];
  for (const [directives, problem] of cases) {
    const { problems } = readSetup(traceSetup, directives);
    assert.ok(problems.includes(problem), problems.join());
    assert.equal(problems.length, 2);
  }
});
