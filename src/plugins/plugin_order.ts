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

/** Place of a directive in the chain, from 0; -1 for no directive of CoreDNS. */
export function pluginOrder(name: string): number {
  return PLUGIN_ORDER.indexOf(name);
}
