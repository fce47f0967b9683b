/** Flags of `nodens run`: ours, those of CoreDNS, and all of node-cache. */

import type { RunOptions, TakeOverOptions } from "../config/run_options.ts";
import { CACHE_BYTES_DEFAULT } from "../limits.ts";
import * as read from "./flag_values.ts";
import type { Flag, ParsedFlags } from "./go_flags.ts";

const START = "Start";
const TAKE_OVER = "Take over addresses (as node-cache does)";
export const TEMPLATE = "Corefile from a template (as node-cache does)";
const INFORMATION = "Information";

/** Help shows flags in this order. */
export const RUN_FLAGS: readonly Flag[] = [
  {
    name: "conf",
    value: "FILE",
    description: "Corefile to serve",
    shownDefault: "./Corefile",
    group: START,
    read: (text) => text,
  },
  {
    name: "dns.port",
    aliases: ["p"],
    value: "PORT",
    description: "port of server blocks that name none",
    shownDefault: "53",
    group: START,
    read: read.readPort,
  },
  {
    name: "memory",
    value: "SIZE",
    description: "memory for cached answers: 64MiB, 64M, 1g or bytes",
    shownDefault: "64MiB",
    group: START,
    read: read.readMemory,
  },
  {
    name: "workers",
    value: "COUNT",
    description: "threads that answer queries; auto is one per core",
    shownDefault: "1",
    group: START,
    read: read.readWorkers,
  },
  {
    name: "pidfile",
    value: "FILE",
    description: "write the process id here once queries are answered",
    group: START,
    read: read.readText,
  },
  {
    name: "readyfile",
    value: "FILE",
    description: "keep an empty file here while queries are welcome",
    group: START,
    read: read.readText,
  },
  { name: "quiet", value: null, description: "print nothing at start", group: START },
  {
    name: "version",
    value: null,
    description: "print the version and stop",
    group: INFORMATION,
  },
  { name: "plugins", value: null, description: "print the plugins and stop", group: INFORMATION },
  { name: "help", aliases: ["h"], value: null, description: "print this", group: INFORMATION },
  ...takeOverFlags(),
  ...templateFlags(),
];

function takeOverFlags(): Flag[] {
  const group = TAKE_OVER;
  return [
    {
      ...{ name: "localip", value: "IPS", description: "addresses to take over", group },
      read: read.readAddresses,
    },
    {
      ...{ name: "lease", value: "KIND", shownDefault: "auto", group },
      description: "what holds them: tun, nft, socket, none",
      read: read.readLease,
    },
    {
      ...{ name: "interfacename", value: "NAME", shownDefault: "nodelocaldns", group },
      description: "name of their interface",
      read: read.readInterfaceName,
    },
    {
      ...{ name: "setupinterface", value: null, shownDefault: "true", group },
      description: "create and keep the interface",
    },
    {
      ...{ name: "setupiptables", value: null, shownDefault: "true", group },
      description: "create and keep the iptables rules",
    },
    {
      ...{ name: "syncinterval", value: "TIME", shownDefault: "60", group },
      description: "between full checks of interface and rules, seconds",
      read: read.readSyncInterval,
    },
    {
      ...{ name: "health-port", value: "PORT", shownDefault: "8080", group },
      description: "port of the health check, for the rules",
      read: read.readPort,
    },
    {
      ...{ name: "fallback", value: "SERVERS", group },
      description: "where addresses without a Service lead meanwhile",
      read: read.readEndpoints,
    },
    {
      ...{ name: "fallbacksvc", value: "NAME", group },
      description: "the same from a headless Service, by its DNS name",
      read: read.readText,
    },
    {
      ...{ name: "keepfallback", value: null, group },
      description: "leave the rules that lead there after a clean stop",
    },
    { name: "skipteardown", value: null, description: "leave rules at exit", group },
    {
      ...{ name: "metrics-listen-address", value: "ADDRESS", shownDefault: "0.0.0.0:9353", group },
      description: "metrics of the set-up; 0 for none",
      read: read.readListenAddress,
    },
  ];
}

function templateFlags(): Flag[] {
  const group = TEMPLATE;
  return [
    {
      ...{ name: "basecorefile", value: "FILE", group },
      description: "template of the Corefile",
      shownDefault: "/etc/coredns/Corefile.base",
      read: read.readText,
    },
    {
      ...{ name: "corefile", value: "FILE", shownDefault: "/etc/Corefile", group },
      description: "where the Corefile is written",
      read: read.readText,
    },
    {
      ...{ name: "kubednscm", value: "DIRECTORY", group },
      description: "ConfigMap of kube-dns",
      shownDefault: "/etc/kube-dns",
      read: (text) => text,
    },
    {
      ...{ name: "upstreamsvc", value: "SERVICE", shownDefault: "kube-dns", group },
      description: "Service of the cluster's DNS",
      read: read.readText,
    },
    {
      ...{ name: "prometheus-listen-address", value: "ADDRESS", shownDefault: ":9253", group },
      description: "metrics of the DNS server; 0 for none",
      read: read.readListenAddress,
    },
    {
      ...{ name: "reloadwithsignal", value: null, group },
      description: "apply changes at once, whatever reload's interval is",
    },
  ];
}

/** Options of the server from flags that were parsed with `RUN_FLAGS`. */
export function readRunOptions({ values }: Pick<ParsedFlags, "values">): RunOptions {
  // Each flag's `read` gives the type that is asked for here.
  const get = <Value>(name: string, fallback: Value) => (values.get(name) ?? fallback) as Value;
  const orNull = (name: string) => get(name, "") || null;
  return {
    confFile: orNull("conf"),
    dnsPort: get("dns.port", 53),
    memoryBytes: get("memory", CACHE_BYTES_DEFAULT),
    workers: get<"auto" | number | null>("workers", null),
    quiet: get("quiet", false),
    pidFile: get<string | null>("pidfile", null),
    readyFile: get<string | null>("readyfile", null),
    nodeCache: {
      localIps: get<readonly string[]>("localip", []),
      setupInterface: get("setupinterface", true),
      interfaceName: get("interfacename", "nodelocaldns"),
      syncIntervalMs: get("syncinterval", 60_000),
      metricsListenAddress: get("metrics-listen-address", "0.0.0.0:9353"),
      prometheusListenAddress: get("prometheus-listen-address", ":9253"),
      setupIptables: get("setupiptables", true),
      baseCorefile: orNull("basecorefile"),
      corefile: orNull("corefile"),
      kubeDnsConfigMap: orNull("kubednscm"),
      upstreamService: get("upstreamsvc", "kube-dns"),
      healthPort: get("health-port", 8080),
      skipTeardown: get("skipteardown", false),
      reloadWithSignal: get("reloadwithsignal", false),
    },
    takeOver: {
      lease: get<TakeOverOptions["lease"]>("lease", "auto"),
      fallback: get<TakeOverOptions["fallback"]>("fallback", []),
      fallbackService: get<string | null>("fallbacksvc", null),
      keepFallback: get("keepfallback", false),
    },
  };
}
