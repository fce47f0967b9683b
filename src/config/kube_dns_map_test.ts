import assert from "node:assert/strict";
import { test } from "node:test";
import { type KubeDnsMap, readKubeDnsMap } from "./kube_dns_map.ts";
import { formatProblem, Problems } from "./problem.ts";
import { memorySource } from "./source.ts";

interface Values {
  readonly stubDomains?: string;
  readonly upstreamNameservers?: string;
  readonly federations?: string;
}

function read(
  values: Values,
  lastGood: KubeDnsMap | null = null,
): { map: KubeDnsMap; problems: string[] } {
  const files = Object.entries(values).map(([name, text]) => [`map/${name}`, text] as const);
  const problems = new Problems();
  const map = readKubeDnsMap("map", memorySource(Object.fromEntries(files)), problems, lastGood);
  return { map, problems: problems.sorted().map(formatProblem) };
}

const stubsOf = ({ stubDomains }: KubeDnsMap) =>
  stubDomains.map(({ zone, servers }) => [zone, ...servers]);

test("readKubeDnsMap() takes what is missing or empty for no values", () => {
  for (const values of [{}, { stubDomains: " \n", upstreamNameservers: "" }]) {
    const { map, problems } = read(values);
    assert.deepEqual([map.stubDomains, map.upstreamNameservers, problems], [[], [], []]);
  }
});

test("readKubeDnsMap() reads stub domains in the order of their zones, with their places", () => {
  const { map, problems } = read({
    stubDomains:
      '{\n  "Example.org": ["192.0.2.1", "192.0.2.2:5353"],\n' +
      '  "a.example.": ["[2001:db8::1]:53", "2001:db8::2", "192.0.2.3", "192.0.2.4"]\n}',
    upstreamNameservers: '["192.0.2.5", "192.0.2.6:53"]',
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(stubsOf(map), [
    ["a.example.", "[2001:db8::1]:53", "2001:db8::2", "192.0.2.3", "192.0.2.4"],
    ["example.org.", "192.0.2.1", "192.0.2.2:5353"],
  ]);
  assert.deepEqual(map.stubDomains[1]?.place, { file: "map/stubDomains", line: 2, column: 3 });
  assert.deepEqual(map.upstreamNameservers, ["192.0.2.5", "192.0.2.6:53"]);
});

test("readKubeDnsMap() says which value does not fit, and takes the others", () => {
  const wanted = "expected an IP address, IP:PORT or [IPv6]:PORT";
  const list = 'expected a list of servers, such as ["192.0.2.53"]';
  const what = "Cannot use the ConfigMap of kube-dns";
  const { map, problems } = read({
    stubDomains: `{
"a.example": ["192.0.2.1", "dns.example"],
"b.example": "192.0.2.1",
"c example": ["192.0.2.1"],
"d.example": [],
"e.example": ["192.0.2.5"]
}`,
    upstreamNameservers: '["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]',
  });
  assert.deepEqual(problems, [
    `map/stubDomains:2: ${what} of "a.example", value 2: ${wanted}, got "dns.example"`,
    `map/stubDomains:3: ${what} of "b.example": ${list}`,
    `map/stubDomains:4: ${what} of "c example": expected a domain name, such as example.org`,
    `map/stubDomains:5: ${what} of "d.example": expected at least one server`,
    `map/upstreamNameservers: ${what}: expected at most 3 servers`,
  ]);
  assert.deepEqual(stubsOf(map), [
    ["a.example.", "192.0.2.1"],
    ["e.example.", "192.0.2.5"],
  ]);
  assert.deepEqual(map.upstreamNameservers, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
});

test("readKubeDnsMap() keeps the last good values of a broken file, and of that file alone", () => {
  const good = read({
    stubDomains: '{"a.example": ["192.0.2.1"]}',
    upstreamNameservers: '["192.0.2.5"]',
  }).map;
  const { map, problems } = read(
    { stubDomains: '{"b.example": ["192.0.2.2"],\n}', upstreamNameservers: '["192.0.2.6"]' },
    good,
  );
  assert.equal(problems.length, 1);
  assert.match(
    problems[0] ?? "",
    /^map\/stubDomains(:\d)?: Cannot use the ConfigMap of kube-dns: it is no JSON: /,
  );
  assert.deepEqual(stubsOf(map), [["a.example.", "192.0.2.1"]]);
  assert.deepEqual(map.upstreamNameservers, ["192.0.2.6"]);
  const upstreams = read({ upstreamNameservers: '{"a": 1}' }, good);
  assert.deepEqual(upstreams.map.upstreamNameservers, ["192.0.2.5"]);
  assert.deepEqual(upstreams.map.stubDomains, []);
});

test("readKubeDnsMap() never takes what would break out of its place in a Corefile", () => {
  for (const server of ["192.0.2.1\\n}", "192.0.2.1 192.0.2.2", "{$HOME}", "192.0.2.1:0", "::%a"]) {
    const { map, problems } = read({ upstreamNameservers: `["${server}"]` });
    assert.deepEqual(map.upstreamNameservers, [], server);
    assert.equal(problems.length, 1, server);
  }
  for (const zone of ["a.example {", "{$HOME}", "(a)", "", ".", "a..example", "import"]) {
    const { map } = read({ stubDomains: `{"${zone}": ["192.0.2.1"]}` });
    assert.deepEqual(stubsOf(map), zone === "import" ? [["import.", "192.0.2.1"]] : [], zone);
  }
});

test("readKubeDnsMap() says that federations have no effect, and that a zone stands twice", () => {
  const { map, problems } = read({
    stubDomains: '{"a.example": ["192.0.2.1"], "A.example.": ["192.0.2.2"]}',
    federations: "{",
  });
  assert.deepEqual(problems, [
    'map/stubDomains:1: Cannot use "A.example." twice: the first holds',
    "map/federations: Federations have no effect: CoreDNS has none either",
  ]);
  assert.deepEqual(stubsOf(map), [["a.example.", "192.0.2.1"]]);
});
