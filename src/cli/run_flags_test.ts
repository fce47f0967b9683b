import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunOptions } from "../config/run_options.ts";
import { parseFlags } from "./go_flags.ts";
import { RUN_FLAGS, readRunOptions } from "./run_flags.ts";

const MIB = 1024 * 1024;

const DEFAULTS: RunOptions = {
  confFile: null,
  dnsPort: 53,
  memoryBytes: 64 * MIB,
  workers: null,
  quiet: false,
  pidFile: null,
  readyFile: null,
  nodeCache: {
    localIps: [],
    setupInterface: true,
    interfaceName: "nodelocaldns",
    syncIntervalMs: 60_000,
    metricsListenAddress: "0.0.0.0:9353",
    prometheusListenAddress: ":9253",
    setupIptables: true,
    baseCorefile: null,
    corefile: null,
    kubeDnsConfigMap: null,
    upstreamService: "kube-dns",
    healthPort: 8080,
    skipTeardown: false,
    reloadWithSignal: false,
  },
  takeOver: { lease: "auto", fallback: [], fallbackService: null, keepFallback: false },
};

function read(...args: string[]): RunOptions {
  return readRunOptions(parseFlags(args, RUN_FLAGS));
}

function checkError(args: string[], message: string): void {
  assert.throws(() => read(...args), { name: "UsageError", message });
}

test("readRunOptions() fills in the defaults of CoreDNS and node-cache", () => {
  assert.deepEqual(read(), DEFAULTS);
  assert.deepEqual(read("-conf", ""), DEFAULTS);
});

test("readRunOptions() reads the flags that take effect", () => {
  const args = ["-conf", "/etc/Corefile", "-p", "1053", "-memory=1g", "-workers", "auto"];
  assert.deepEqual(
    read(...args, "-quiet", "-pidfile", "/run/nodens.pid", "-readyfile=/run/ready"),
    {
      ...DEFAULTS,
      confFile: "/etc/Corefile",
      dnsPort: 1053,
      memoryBytes: 1024 * MIB,
      workers: "auto",
      quiet: true,
      pidFile: "/run/nodens.pid",
      readyFile: "/run/ready",
    },
  );
});

test("readRunOptions() reads the flags of a stock node-cache DaemonSet", () => {
  const options = read(
    ...["-localip", "169.254.20.10,192.0.2.10", "-conf", "/etc/Corefile"],
    ...["-upstreamsvc", "kube-dns-upstream", "-pidfile", "/run/node-cache.pid"],
    ...["-setupiptables=false", "-skipteardown", "-syncinterval", "30s", "-health-port=8081"],
  );
  assert.deepEqual(options.nodeCache, {
    ...DEFAULTS.nodeCache,
    localIps: ["169.254.20.10", "192.0.2.10"],
    upstreamService: "kube-dns-upstream",
    setupIptables: false,
    skipTeardown: true,
    syncIntervalMs: 30_000,
    healthPort: 8081,
  });
});

test("readRunOptions() reads where addresses without a Service fall back to", () => {
  const { takeOver } = read(
    ...["-lease", "nft", "-fallback", "192.0.2.1, 192.0.2.2:5300,[2001:DB8::1]:53,2001:db8::1"],
    ...["-fallbacksvc", "dns.kube-system.svc.cluster.local", "-keepfallback"],
  );
  assert.deepEqual(takeOver, {
    lease: "nft",
    fallback: [
      { address: "192.0.2.1", port: 53 },
      { address: "192.0.2.2", port: 5300 },
      { address: "2001:db8::1", port: 53 },
    ],
    fallbackService: "dns.kube-system.svc.cluster.local",
    keepFallback: true,
  });
});

test("readRunOptions() reads -syncinterval in seconds however it is written", () => {
  for (const text of ["60", "60s", "1m", "60ns"]) {
    assert.equal(read("-syncinterval", text).nodeCache.syncIntervalMs, 60_000, text);
  }
  const wanted = "expected 1 to 86400 seconds, or a duration up to 24h, such as 60 or 60s";
  for (const text of ["0", "-1s", "25h", "500ms", "soon"]) {
    checkError(
      [`-syncinterval=${text}`],
      `Cannot read value of "-syncinterval": ${wanted}, got "${text}"`,
    );
  }
});

test("readRunOptions() takes addresses of both families, each once", () => {
  const { localIps } = read("-localip=2001:DB8::0:1, 192.0.2.1,2001:db8::1").nodeCache;
  assert.deepEqual(localIps, ["2001:db8::1", "192.0.2.1"]);
});

test("readRunOptions() takes '0' for no metrics listener", () => {
  for (const text of ["0", "0.0.0.0:9353", "[::1]:9353", ":9353", "localhost:9353"]) {
    assert.equal(read("-metrics-listen-address", text).nodeCache.metricsListenAddress, text);
  }
});

test("readRunOptions() says what was expected for every value that does not fit", () => {
  const cases: [string, string, string][] = [
    ["p", "65536", "a port from 0 to 65535"],
    ["p", "dns", "a port from 0 to 65535"],
    ["memory", "lots", "a size from 1MiB to 3.5GiB, such as 64MiB, 64M or 67108864"],
    ["memory", "1k", "a size from 1MiB to 3.5GiB, such as 64MiB, 64M or 67108864"],
    ["workers", "0", "auto or 1 to 64"],
    ["workers", "many", "auto or 1 to 64"],
    ["localip", "", "IP addresses with commas between, such as 169.254.20.10,10.96.0.10"],
    ["localip", "node", "IP addresses with commas between, such as 169.254.20.10,10.96.0.10"],
    ["interfacename", "a/b", "a name of 1 to 15 characters without spaces, '/' and ':'"],
    [
      "interfacename",
      "sixteen_letters_",
      "a name of 1 to 15 characters without spaces, '/' and ':'",
    ],
    ["metrics-listen-address", "9353", "HOST:PORT, :PORT or 0 for none"],
    ["prometheus-listen-address", "::1:9353", "HOST:PORT, :PORT or 0 for none"],
    ["health-port", "-1", "a port from 0 to 65535"],
    ["basecorefile", "", "a text"],
    ["lease", "dhcp", "auto, tun, nft, socket, none"],
    [
      "fallback",
      "192.0.2.1:0",
      "ADDRESS or ADDRESS:PORT with commas between, such as 10.244.0.2:53",
    ],
    ["fallback", "kube-dns", "ADDRESS or ADDRESS:PORT with commas between, such as 10.244.0.2:53"],
  ];
  for (const [name, text, expected] of cases) {
    const message = `Cannot read value of "-${name}": expected ${expected}, got "${text}"`;
    checkError([`-${name}=${text}`], message);
  }
});

test("readRunOptions() reads where templates are, and an empty name as none", () => {
  const named = read(
    ...["-basecorefile=base", "-corefile", "out", "-kubednscm", "map"],
    ...["-prometheus-listen-address", "0", "-reloadwithsignal"],
  );
  assert.deepEqual(named.nodeCache, {
    ...DEFAULTS.nodeCache,
    baseCorefile: "base",
    corefile: "out",
    kubeDnsConfigMap: "map",
    prometheusListenAddress: "0",
    reloadWithSignal: true,
  });
  assert.deepEqual(read("-kubednscm="), DEFAULTS);
});
