import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetup } from "../testing.ts";
import { prometheusSetup } from "./setup.ts";

test("prometheus: the address, or CoreDNS' own, and its block is counted", () => {
  const cases: [directive: string, address: string][] = [
    ["prometheus", "localhost:9153"],
    ["prometheus :9253", ":9253"],
    ["prometheus 192.0.2.1:9253", "192.0.2.1:9253"],
    ["prometheus [2001:DB8::0:1]:9253", "[2001:db8::1]:9253"],
    ["prometheus {\n}", "localhost:9153"],
  ];
  for (const [directive, address] of cases) {
    const { settings, view, problems } = readSetup(prometheusSetup, directive);
    assert.deepEqual(problems, [], directive);
    assert.deepEqual(settings, { address });
    assert.equal(view.metrics, true);
  }
});

test("prometheus: what does not fit is reported", () => {
  const expected = "expected an address and a port, such as localhost:9253, [::1]:9253 or :9253";
  const cases: [directives: string, problem: string][] = [
    ["prometheus 9253", `2: Cannot read address: ${expected}, got "9253"`],
    ["prometheus ::1:9253", `2: Cannot read address: ${expected}, got "::1:9253"`],
    ["prometheus [192.0.2.1]:9253", `2: Cannot read address: ${expected}, got "[192.0.2.1]:9253"`],
    ["prometheus :70000", `2: Cannot read address: ${expected}, got ":70000"`],
    ["prometheus :1 :2", '2: Unexpected ":2" after "prometheus": expected prometheus [ADDRESS]'],
    ["prometheus {\ntls\n}", '3: Unknown option "tls": "prometheus" takes none'],
    [
      "prometheus\nprometheus",
      '3: Cannot use "prometheus" twice in a server block: already at Corefile:2',
    ],
  ];
  for (const [directives, problem] of cases) {
    assert.deepEqual(readSetup(prometheusSetup, directives).problems, [problem], directives);
  }
});
