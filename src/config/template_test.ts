import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lex } from "./lexer.ts";
import { formatProblem, Problems } from "./problem.ts";
import { Template, type TemplateValues } from "./template.ts";

const VALUES: TemplateValues = {
  upstreamServers: [],
  clusterDns: ["192.0.2.53"],
  localDns: ["169.254.20.10", "192.0.2.10"],
  dnsDomain: "cluster.local",
  prometheusEndpoint: ":9253",
};

const VARIABLES = [
  "__PILLAR__UPSTREAM__SERVERS__",
  "__PILLAR__CLUSTER__DNS__",
  "__PILLAR__LOCAL__DNS__",
  "__PILLAR__DNS__SERVER__",
  "__PILLAR__DNS__DOMAIN__",
  "__PROMETHEUS__ENDPOINT__",
];

function render(text: string, values: Partial<TemplateValues> = {}): string {
  const problems = new Problems();
  const { text: rendered } = new Template(text, "base").render({ ...VALUES, ...values }, problems);
  assert.deepEqual(problems.sorted(), []);
  return rendered;
}

test("Template.render() fills in every variable of node-cache", () => {
  for (const [text, expected] of [
    ["forward . __PILLAR__UPSTREAM__SERVERS__", "forward . /etc/resolv.conf"],
    ["forward . __PILLAR__CLUSTER__DNS__ {", "forward . 192.0.2.53 {"],
    ["bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n", "bind 169.254.20.10 192.0.2.10 \n"],
    ["__PILLAR__DNS__DOMAIN__:53 {", "cluster.local:53 {"],
    ["a.__PILLAR__DNS__DOMAIN__:53 {", "a.cluster.local:53 {"],
    ["prometheus __PROMETHEUS__ENDPOINT__", "prometheus :9253"],
    ['forward . "__PILLAR__CLUSTER__DNS__"', 'forward . "192.0.2.53"'],
    ["\uFEFF__PILLAR__DNS__DOMAIN__ {", "cluster.local {"],
  ]) {
    assert.equal(render(text), expected);
  }
  const upstreamServers = ["192.0.2.1", "192.0.2.2"];
  const forward = "forward . __PILLAR__UPSTREAM__SERVERS__";
  assert.equal(render(forward, { upstreamServers }), "forward . 192.0.2.1 192.0.2.2");
});

test("Template.render() leaves comments alone, and asks for nothing that stands in them", () => {
  const text = "cache # of __PILLAR__CLUSTER__DNS__\n# __PILLAR__OTHER__\n";
  assert.equal(render(text), text);
  assert.equal(new Template(text, "base").firstUse("__PILLAR__CLUSTER__DNS__"), null);
});

test("Template.render() makes one endpoint of a variable with a port", () => {
  for (const [text, localDns, expected] of [
    ["health __PILLAR__LOCAL__DNS__:8080", VALUES.localDns, "health 169.254.20.10:8080"],
    ["health __PILLAR__LOCAL__DNS__:8080", ["2001:db8::1"], "health [2001:db8::1]:8080"],
    ["health [__PILLAR__LOCAL__DNS__]:8080", ["2001:db8::1"], "health [2001:db8::1]:8080"],
    ["health [__PILLAR__LOCAL__DNS__]:8080", VALUES.localDns, "health 169.254.20.10:8080"],
    ["forward . __PILLAR__CLUSTER__DNS__:5353", [], "forward . 192.0.2.53:5353"],
  ] as const) {
    assert.equal(render(text, { localDns }), expected);
  }
});

test("Template.render() asks upstreams of the user by UDP, however force_tcp is written", () => {
  const upstreamServers = ["192.0.2.1"];
  for (const [text, expected] of [
    [
      "forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\nloop",
      "forward . 192.0.2.1\nloop",
    ],
    [
      "\tforward . __PILLAR__UPSTREAM__SERVERS__ { # by TCP\n\tforce_tcp\n}\n\tloop",
      "\tforward . 192.0.2.1\n\tloop",
    ],
    [
      "forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n  max_fails 3\n}",
      "forward . 192.0.2.1 {\n  \n  max_fails 3\n}",
    ],
    ['forward . "__PILLAR__UPSTREAM__SERVERS__" {\nforce_tcp\n}\n', 'forward . "192.0.2.1"\n'],
    [
      "forward . __PILLAR__CLUSTER__DNS__ {\nforce_tcp\n}\n",
      "forward . 192.0.2.53 {\nforce_tcp\n}\n",
    ],
    [
      "forward . __PILLAR__UPSTREAM__SERVERS__\nforward a 192.0.2.7 {\nforce_tcp\n}\n",
      "forward . 192.0.2.1\nforward a 192.0.2.7 {\nforce_tcp\n}\n",
    ],
  ]) {
    assert.equal(render(text, { upstreamServers }), expected);
  }
  const own = "forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n}";
  assert.equal(render(own), "forward . /etc/resolv.conf {\n  force_tcp\n}");
});

test("Template.render() leaves prometheus out when it is to listen nowhere", () => {
  const text = "errors\nprometheus __PROMETHEUS__ENDPOINT__\ncache\n";
  assert.equal(render(text, { prometheusEndpoint: "0" }), "errors\n\ncache\n");
});

test("Template.render() reports a variable that does not exist, with the nearest", () => {
  const problems = new Problems();
  new Template("a {\n  forward . __PILLAR__CLUSTER__DSN__\n}", "base").render(VALUES, problems);
  assert.deepEqual(problems.sorted().map(formatProblem), [
    'base:2: Unknown variable "__PILLAR__CLUSTER__DSN__": did you mean "__PILLAR__CLUSTER__DNS__"?',
  ]);
});

test("Template.render() leads every place of the result back to the template", () => {
  const text = [
    "__PILLAR__DNS__DOMAIN__:53 { # first",
    "  forward . __PILLAR__UPSTREAM__SERVERS__ {",
    "    force_tcp",
    "  }",
    "  bind __PILLAR__LOCAL__DNS__ lo",
    "}",
  ].join("\n");
  const upstreamServers = ["192.0.2.1", "192.0.2.2"];
  const rendered = new Template(text, "base").render(
    { ...VALUES, upstreamServers },
    new Problems(),
  );
  assert.deepEqual(rendered.text.split("\n"), [
    "cluster.local:53 { # first",
    "  forward . 192.0.2.1 192.0.2.2",
    "  bind 169.254.20.10 192.0.2.10 lo",
    "}",
  ]);
  const placeOf = (line: number, column: number) => {
    const place = rendered.placeOf(line, column);
    return `${place.file}:${place.line}:${place.column}`;
  };
  // The key, its brace, each server, what follows the options, the second address, `lo`, the end.
  assert.equal(placeOf(1, 1), "base:1:1");
  assert.equal(placeOf(1, 18), "base:1:28");
  assert.equal(placeOf(2, 13), "base:2:13");
  assert.equal(placeOf(2, 23), "base:2:13");
  assert.equal(placeOf(3, 3), "base:5:3");
  assert.equal(placeOf(3, 22), "base:5:8");
  assert.equal(placeOf(3, 33), "base:5:31");
  assert.equal(placeOf(4, 1), "base:6:1");
});

test("Template.render() leads back to the template from every word of any text", () => {
  const words = [
    "forward",
    "prometheus",
    "{",
    "}",
    "\n",
    " ",
    "#",
    '"',
    "[",
    "]:53",
    "force_tcp\n",
    ...VARIABLES,
  ];
  const values = { ...VALUES, upstreamServers: ["192.0.2.1"], prometheusEndpoint: "0" };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (parts) => {
      const base = parts.join("");
      const lines = base.split("\n");
      const { text, placeOf } = new Template(base, "base").render(values, new Problems());
      let last = "";
      for (const token of lex(text, "rendered", new Problems())) {
        const { line, column } = placeOf(token.line, token.column);
        assert.ok(column >= 1 && column <= (lines[line - 1] ?? "").length + 1, base);
        const order = `${line}`.padStart(4, "0") + `${column}`.padStart(4, "0");
        assert.ok(order >= last, base);
        last = order;
      }
    }),
  );
});
