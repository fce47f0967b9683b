/**
 * CoreDNS' directives in their order of execution (`plugin.cfg` of 1.14.7).
 *
 * The order of a Corefile means nothing: plugins run in this one. It also tells a directive that
 * this version does not support from a misspelled one.
 */
export const PLUGIN_ORDER: readonly string[] = [
  ...["root", "metadata", "geoip", "cancel", "proxyproto", "quic", "grpc_server", "https"],
  ...["https3", "timeouts", "multisocket", "reload", "nsid", "bufsize", "bind", "debug", "trace"],
  ...["ready", "health", "pprof", "shed", "prometheus", "errors", "log", "dnstap", "local"],
  ...["dns64", "any", "chaos", "loadbalance", "tsig", "rewrite", "autopath", "acl", "cache"],
  ...["header", "dnssec", "tls", "minimal", "template", "transfer", "hosts", "route53", "azure"],
  ...["clouddns", "k8s_external", "kubernetes", "file", "auto", "secondary", "etcd", "loop"],
  ...["forward", "grpc", "erratic", "whoami", "on", "sign", "view", "nomad"],
];

/** Directives that CoreDNS once had, with what to write in their place. */
export const REMOVED_DIRECTIVES: Readonly<Record<string, string>> = {
  proxy: "use forward in its place",
  federation: "CoreDNS removed it in 1.7.0",
};

const NO_ZONES = "it holds no zones of its own: forward the zone to a server that does";
const NO_API = "it does not read what clusters and clouds know";
const CLIENTS = "its clients ask by UDP and TCP";
const CLUSTER = "forward the cluster's zone to the cluster's DNS";

/**
 * Directives of CoreDNS that are not for a node's cache: why not, and what to do. Whatever is in
 * neither this list nor the registry is merely not there yet.
 */
export const UNSUPPORTED_DIRECTIVES: Readonly<Record<string, string>> = {
  root: "files are found from the folder of the Corefile: write paths in full",
  geoip: "it has no database of places",
  proxyproto: `${CLIENTS}, and are seen by their own addresses`,
  quic: `${CLIENTS}; DNS over TLS is spoken with upstreams (tls:// in forward)`,
  grpc_server: `${CLIENTS}; put a server that speaks gRPC in front`,
  https: `${CLIENTS}; put a server that speaks HTTPS in front`,
  https3: `${CLIENTS}; put a server that speaks HTTPS in front`,
  tls: `${CLIENTS}; DNS over TLS is spoken with upstreams (tls:// in forward)`,
  shed: "queries that do not fit are refused and counted without being told to: take it out",
  dnstap: "use log to see queries and answers",
  tsig: `${NO_ZONES}`,
  dnssec: `${NO_ZONES}, and signs it`,
  sign: `${NO_ZONES}, and signs it`,
  transfer: NO_ZONES,
  file: NO_ZONES,
  auto: NO_ZONES,
  secondary: NO_ZONES,
  route53: `${NO_API}: forward the zone to the servers that Route 53 names for it`,
  azure: `${NO_API}: forward the zone to 168.63.129.16`,
  clouddns: `${NO_API}: forward the zone to 169.254.169.254`,
  k8s_external: `${NO_API}: ${CLUSTER}`,
  kubernetes: `${NO_API}: ${CLUSTER}`,
  etcd: `${NO_API}: forward the zone to a server that does`,
  nomad: `${NO_API}: forward the zone to a server that does`,
  grpc: "upstreams are asked by UDP, TCP and TLS: use forward",
  erratic: "it is for tests only: take it out",
  on: "no commands are run at start and stop: leave that to systemd or Kubernetes",
};

/** Place of a directive in the chain, from 0; -1 for no directive of CoreDNS. */
export function pluginOrder(name: string): number {
  return PLUGIN_ORDER.indexOf(name);
}
