import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { parseRecord } from "../support/dns_message.ts";
import { freePort } from "../support/free_port.ts";
import { runNodens } from "../support/nodens_process.ts";
import { startScriptedUpstream, type UpstreamQuery } from "../support/scripted_upstream.ts";
import { type Served, serve } from "../support/serve.ts";
import { parseMetrics, sumOf } from "../support/sim_metrics.ts";
import { until } from "../support/until.ts";

const NXDOMAIN = 3;
const TYPE_A = 1;
/** A port that is taken is tried again every 5 s. */
const WAIT_MS = 20_000;
/** What plugins count for themselves, without the one that is a time. */
const OF_PLUGINS =
  /^(?:coredns_(?:acl|autopath|dns64|local|template)_|coredns_hosts_entries|nodens_(?:filter|search))/;
const SOA = "example.org. 300 SOA ns1.example.org. host.example.org. 1 7200 3600 1209600 60";

function answer(query: UpstreamQuery): void {
  if (query.name.startsWith("denied")) {
    query.reply({ rcode: NXDOMAIN, authority: [parseRecord(SOA)] });
  } else {
    query.reply({ answer: [parseRecord(`${query.name} 300 A 192.0.2.1`)] });
  }
}

interface Scraped extends Served {
  readonly url: string;
}

/** A server whose block has a zone, a forward, and `lines` with PORT for the port of metrics. */
async function serveMetrics(context: TestContext, lines: string): Promise<Scraped> {
  const upstream = await startScriptedUpstream(context, answer);
  const port = await freePort();
  const corefile = `example.org:0 {
    bind 127.0.0.1
    errors
    cache 30
    forward . 127.0.0.1:${upstream.port}
    prometheus 127.0.0.1:${port}
    ${lines.replaceAll("PORT", String(port))}
}
`;
  const served = await serve(context, corefile);
  const url = `http://127.0.0.1:${port}`;
  await eventually(url);
  return { ...served, url };
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return await response.text();
}

/** What is served at `url`, once something is and it is `right`. */
async function eventually(url: string, right = (_body: string) => true): Promise<string> {
  let body = "";
  const isRight = async () => {
    try {
      body = await (await fetch(url)).text();
      return right(body);
    } catch {
      return false;
    }
  };
  await until(`${url} is what it should be`, isRight, WAIT_MS);
  return body;
}

/** Names and labels of CoreDNS that dashboards and alerts look for. */
const WANTED: readonly (readonly [name: string, labels: string])[] = [
  ["coredns_build_info", "version revision goversion"],
  ["coredns_panics_total", ""],
  ["coredns_plugin_enabled", "server zone view name"],
  ["coredns_dns_requests_total", "server zone view proto family type"],
  ["coredns_dns_request_duration_seconds_bucket", "server zone view le"],
  ["coredns_dns_request_size_bytes_bucket", "server zone view proto le"],
  ["coredns_dns_response_size_bytes_bucket", "server zone view proto le"],
  ["coredns_dns_do_requests_total", "server zone view"],
  ["coredns_dns_responses_total", "server zone view rcode plugin"],
  ["coredns_cache_entries", "server type zones view"],
  ["coredns_cache_requests_total", "server zones view"],
  ["coredns_cache_hits_total", "server type zones view"],
  ["coredns_cache_misses_total", "server zones view"],
  ["coredns_cache_prefetch_total", "server zones view"],
  ["coredns_cache_drops_total", "server zones view"],
  ["coredns_cache_served_stale_total", "server zones view"],
  ["coredns_cache_evictions_total", "server type zones view"],
  ["coredns_forward_healthcheck_broken_total", ""],
  ["coredns_forward_max_concurrent_rejects_total", ""],
  ["coredns_proxy_request_duration_seconds_bucket", "proxy_name to rcode le"],
  ["coredns_proxy_healthcheck_failures_total", "proxy_name to"],
  ["coredns_proxy_conn_cache_hits_total", "proxy_name to proto"],
  ["coredns_proxy_conn_cache_misses_total", "proxy_name to proto"],
  ["coredns_forward_requests_total", "to"],
  ["coredns_forward_responses_total", "to rcode"],
  ["coredns_forward_request_duration_seconds_bucket", "to rcode le"],
  ["coredns_forward_healthcheck_failures_total", "to"],
  ["coredns_reload_failed_total", ""],
  ["coredns_reload_version_info", "hash value"],
  ["coredns_health_request_duration_seconds_bucket", "le"],
  ["coredns_health_request_failures_total", ""],
  ["process_resident_memory_bytes", ""],
  ["process_cpu_seconds_total", ""],
  ["process_start_time_seconds", ""],
  ["process_open_fds", ""],
  ["process_max_fds", ""],
  ["nodens_memory_budget_bytes", ""],
  ["nodens_memory_used_bytes", ""],
  ["nodens_shed_total", "reason"],
  ["nodens_in_flight", "kind"],
  ["nodens_workers", ""],
  ["nodens_worker_heartbeat_age_seconds", "worker"],
];

test("prometheus serves every metric that dashboards know, after some traffic", async (context) => {
  const server = await serveMetrics(context, "health 127.0.0.1:PORT");
  for (const name of ["a.example.org", "a.example.org", "denied.example.org", "example.com"]) {
    await ask(server.port, name, "A");
  }
  const where = ["@127.0.0.1", "-p", String(server.port)];
  await runNodens(["query", "a.example.org", "A", ...where, "-tcp", "-dnssec"]);
  // The process asks itself once a second.
  const text = await eventually(`${server.url}/metrics`, (body) =>
    body.includes("_health_request_d"),
  );
  const samples = parseMetrics(text);
  for (const [name, labels] of WANTED) {
    const found = [...samples.keys()].find((key) => key === name || key.startsWith(`${name}{`));
    assert.ok(found !== undefined, name);
    const names = [...found.matchAll(/([a-z_]+)="/g)].map((match) => match[1]);
    assert.equal(names.join(" "), labels, name);
  }
  const server0 = 'server="dns://127.0.0.1:0"';
  const responses = (...of: string[]) => sumOf(samples, "coredns_dns_responses_total", ...of);
  assert.equal(responses(server0, 'zone="example.org."', 'plugin="forward"'), 3);
  assert.equal(responses(server0, 'plugin="cache"', 'rcode="NOERROR"'), 1);
  assert.equal(responses('zone="dropped"', 'rcode="REFUSED"', 'plugin=""'), 1);
  assert.equal(sumOf(samples, "coredns_dns_requests_total"), 5);
});

test("promtool finds nothing wrong with the metrics", async (context) => {
  const hasTool = spawnSync("promtool", ["--version"]).status === 0;
  if (!hasTool) {
    context.skip("promtool is missing: install Debian's package prometheus");
    return;
  }
  const server = await serveMetrics(context, "health 127.0.0.1:PORT");
  for (const name of ["a.example.org", "denied.example.org"]) await ask(server.port, name, "A");
  const input = await textOf(`${server.url}/metrics`);
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input });
  assert.equal(`${stdout}${stderr}`, "");
  assert.equal(status, 0);
});

test("prometheus zips what a scraper takes zipped", async (context) => {
  const server = await serveMetrics(context, "");
  const zipped = await fetch(`${server.url}/metrics`);
  assert.equal(zipped.headers.get("content-encoding"), "gzip");
  assert.match(await zipped.text(), /^nodens_workers \d+$/m);
  const headers = { "accept-encoding": "identity" };
  const plain = await fetch(`${server.url}/metrics`, { headers });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.match(await plain.text(), /^nodens_workers \d+$/m);
});

test("health, ready and pprof share an address; lameduck delays the stop", async (context) => {
  const server = await serveMetrics(
    context,
    "health 127.0.0.1:PORT {\nlameduck 2s\n}\nready 127.0.0.1:PORT\npprof 127.0.0.1:PORT",
  );
  assert.equal(await textOf(`${server.url}/health`), "OK");
  assert.equal(await textOf(`${server.url}/ready`), "OK");
  const profile = JSON.parse(await textOf(`${server.url}/debug/pprof/profile?seconds=0.1`));
  assert.ok(profile.nodes.length > 0);
  const stopped = server.stop();
  await eventually(`${server.url}/ready`, (body) => body === "stopping");
  assert.equal(await textOf(`${server.url}/health`), "OK");
  const reply = await ask(server.port, "late.example.org", "A");
  assert.equal(reply.rcode, "NOERROR");
  assert.equal(await stopped, 0);
  assert.ok(server.lines().includes("[INFO] plugin/health: Going into lameduck mode for 2s"));
});

test("a port that another process has is no reason not to serve DNS, and is tried again", async (context) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const server = await serve(
    context,
    `.:0 {\nbind 127.0.0.1\nwhoami\nprometheus 127.0.0.1:${port}\n}\n`,
  );
  await until("it says so", () => /Cannot serve metrics on/.test(server.stdout()));
  assert.equal((await ask(server.port, "a.example.org", "A")).rcode, "NOERROR");
  other.close();
  assert.match(await eventually(`http://127.0.0.1:${port}/metrics`), /^nodens_workers/m);
});

test("a change of the configuration moves services and leaves the counters", async (context) => {
  const server = await serveMetrics(context, "");
  await ask(server.port, "a.example.org", "A");
  const port = await freePort();
  const text = readFileSync(server.corefile, "utf8");
  writeFileSync(server.corefile, text.replace(/prometheus 127.0.0.1:\d+/, `health :${port}`));
  server.child.kill("SIGUSR1");
  await eventually(`http://127.0.0.1:${port}/health`);
  await assert.rejects(fetch(`${server.url}/metrics`));
  writeFileSync(server.corefile, text);
  server.child.kill("SIGUSR1");
  const samples = parseMetrics(await eventually(`${server.url}/metrics`));
  assert.equal(sumOf(samples, "coredns_dns_responses_total", 'plugin="forward"'), 1);
});

test("reload metrics tell of what was refused and of what is in effect", async (context) => {
  const server = await serveMetrics(context, "");
  const metricsUrl = `${server.url}/metrics`;
  const hashIn = (body: string) => /^coredns_reload_version_info\{(.*)\} 1$/m.exec(body)?.[1];
  const hasFailed = (times: number) => (body: string) =>
    body.includes(`\ncoredns_reload_failed_total ${times}\n`);
  const before = await eventually(metricsUrl, (body) => hashIn(body) !== undefined);
  assert.ok(hasFailed(0)(before));
  assert.match(hashIn(before)!, /^hash="sha512",value="[0-9a-f]{128}"$/);
  const good = readFileSync(server.corefile, "utf8");
  writeFileSync(server.corefile, good.replace("errors", "nonsense"));
  server.child.kill("SIGUSR1");
  assert.equal(hashIn(await eventually(metricsUrl, hasFailed(1))), hashIn(before));
  writeFileSync(server.corefile, good.replace("cache 30", "cache 31"));
  server.child.kill("SIGUSR1");
  const after = await eventually(metricsUrl, (body) => hashIn(body) !== hashIn(before));
  assert.ok(hasFailed(1)(after));
});

test("plugins count by CoreDNS' names, whether a query is an exchange or not", async (context) => {
  const upstream = await startScriptedUpstream(context, (query) => {
    // There are addresses of IPv4 only.
    if (query.message.questions[0]?.type === TYPE_A) answer(query);
    else query.reply({ authority: [parseRecord(SOA)] });
  });
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "nodens-search-"));
  cleanUp(context, () => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "search"), "search denied.example.org example.org\n");
  writeFileSync(join(folder, "hosts"), "192.0.2.9 h.example.org\n");
  const server = await serve(
    context,
    `.:0 {
      bind 127.0.0.1
      prometheus 127.0.0.1:${port}
      cache
      local
      dns64 {
        allow_ipv4
      }
      acl {
        block type TXT
        filter type SRV
        drop type NULL
      }
      autopath example.org ${join(folder, "search")}
      search_cut example.org {
        names com
      }
      template IN MX {
        match ^ok[.]
        answer "{{ .Name }} 60 IN MX 10 mail.example.org."
        fallthrough
      }
      template IN MX {
        match ^text[.]
        answer "{{ index .Match 1 }}"
        fallthrough
      }
      template IN MX {
        match ^(record)[.]
        answer "{{ .Name }} MX {{ index .Match 1 }}"
        fallthrough
      }
      hosts ${join(folder, "hosts")} {
        fallthrough
      }
      forward . 127.0.0.1:${upstream.port}
    }
    v4.example.org:0 {
      bind 127.0.0.1
      filter_aaaa
      forward . 127.0.0.1:${upstream.port}
    }`,
  );
  for (const [name, type] of [
    ["a.example.org", "A"],
    ["a.example.org", "A"],
    ["a.example.org", "TXT"],
    ["a.example.org", "SRV"],
    ["six.example.org", "AAAA"],
    ["www.denied.example.org", "A"],
    ["www.example.com.example.org", "A"],
    ["a.v4.example.org", "AAAA"],
    ["localhost.example.org", "A"],
    ["ok.example.org", "MX"],
    ["text.example.org", "MX"],
    ["record.example.org", "MX"],
    ["h.example.org", "A"],
  ] as const) {
    await ask(server.port, name, type);
  }
  await assert.rejects(ask(server.port, "a.example.org", "NULL", { timeoutMs: 100 }));
  const text = await eventually(`http://127.0.0.1:${port}/metrics`);
  const samples = parseMetrics(text);
  const found = [...samples].filter(([key]) => OF_PLUGINS.test(key)).map((pair) => pair.join(" "));
  const where = 'server="dns://127.0.0.1:0"';
  const block = `${where},zone=".",view=""`;
  const mx = (record: string) =>
    `{${block},class="IN",type="MX",section="answer",template="${record}"} 1`;
  const wanted = [
    // The AAAA question that is translated passes twice; localhost.* does not get there.
    `coredns_acl_allowed_requests_total{${where},view=""} 10`,
    `coredns_acl_blocked_requests_total{${block}} 1`,
    `coredns_acl_dropped_requests_total{${block}} 1`,
    `coredns_acl_filtered_requests_total{${block}} 1`,
    `coredns_autopath_success_total{${where}} 1`,
    `coredns_dns64_requests_translated_total{${where}} 1`,
    "coredns_hosts_entries 2",
    "coredns_local_localhost_requests_total 1",
    `coredns_template_matches_total{${block},class="IN",type="MX"} 3`,
    `coredns_template_rr_failures_total${mx("{{ .Name }} MX {{ index .Match 1 }}")}`,
    `coredns_template_template_failures_total${mx("{{ index .Match 1 }}")}`,
    `nodens_filter_aaaa_filtered_total{${where},zone="v4.example.org.",view=""} 1`,
    `nodens_search_cut_denied_total{${block}} 1`,
  ];
  assert.deepEqual(found.sort(), wanted);
  const sec = samples.get("coredns_hosts_reload_timestamp_seconds")!;
  assert.ok(sec > 1.7e9 && sec <= Date.now() / 1000, `${sec}`);
});
