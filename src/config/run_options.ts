/** What the command line asks the server for, checked and with all defaults filled in. */

/**
 * Options of the server. Made by `readRunOptions` (flags.ts), used by `runAgent` (agent/run.ts).
 */
export interface RunOptions {
  /** Path of the Corefile; `null` is `./Corefile`; `stdin` is standard input. */
  readonly confFile: string | null;
  /** Port of server blocks that name none; 0 lets the kernel choose. Default 53. */
  readonly dnsPort: number;
  /** Budget of the cache, bytes. Default 64 MiB. */
  readonly memoryBytes: number;
  /** Data-plane threads; `auto` is one per core; null: as `multisocket` says, or 1. */
  readonly workers: "auto" | number | null;
  /** Nothing is printed at start. */
  readonly quiet: boolean;
  /** Where the process id is written once queries are answered; `null` is nowhere. */
  readonly pidFile: string | null;
  /** A file that is there, empty, exactly while queries are welcome; `null` is none. */
  readonly readyFile: string | null;
  /** Flags of node-cache. */
  readonly nodeCache: NodeCacheOptions;
  readonly takeOver: TakeOverOptions;
}

/** Flags that node-cache has beside CoreDNS' own, with its defaults. */
export interface NodeCacheOptions {
  /** Addresses to take over, canonical; both families may stand side by side. */
  readonly localIps: readonly string[];
  readonly setupInterface: boolean;
  readonly interfaceName: string;
  readonly syncIntervalMs: number;
  /** `host:port`, or `0` for no listener. */
  readonly metricsListenAddress: string;
  /** What `__PROMETHEUS__ENDPOINT__` of the template stands for; `0` is no listener. */
  readonly prometheusListenAddress: string;
  readonly setupIptables: boolean;
  /** The template; `null` is `/etc/coredns/Corefile.base` if it is there. */
  readonly baseCorefile: string | null;
  /** Where the Corefile is written if `confFile` does not say; `null` is `/etc/Corefile`. */
  readonly corefile: string | null;
  /** Directory of the kube-dns ConfigMap; `null` is `/etc/kube-dns` if it is there. */
  readonly kubeDnsConfigMap: string | null;
  /** Service whose address `__PILLAR__CLUSTER__DNS__` of the template stands for. */
  readonly upstreamService: string;
  readonly healthPort: number;
  readonly skipTeardown: boolean;
  /** A template's changes are applied at once, whatever the interval of `reload` is. */
  readonly reloadWithSignal: boolean;
}

/** Flags of ours about the addresses that are taken over. */
export interface TakeOverOptions {
  /** What holds them; `auto` is the first of the others that works. Default `auto`. */
  readonly lease: "auto" | "tun" | "nft" | "socket" | "none";
  /** DNS servers that addresses without a Service fall back to; empty is "find out". */
  readonly fallback: readonly { readonly address: string; readonly port: number }[];
  /** Name of a headless Service whose endpoints those are; null is none. */
  readonly fallbackService: string | null;
  /** Leave the rules that lead there after a clean stop. Default false. */
  readonly keepFallback: boolean;
}

/** The server's entry: resolves with the exit code once it has stopped. */
export type RunAgent = (options: RunOptions) => Promise<number>;
