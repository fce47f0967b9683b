/** What a reading of the configuration starts with, and what it comes to. */

import type { Lookup } from "./cluster_dns.ts";
import type { Config } from "./config.ts";
import type { KubeDnsMap } from "./kube_dns_map.ts";
import type { LoadOptions } from "./load.ts";
import type { Problem } from "./problem.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ConfigSource } from "./source.ts";

/** What node-cache uses when its flags name nothing else. */
export const DEFAULT_TEMPLATE = "/etc/coredns/Corefile.base";
export const DEFAULT_OUTPUT = "/etc/Corefile";
export const DEFAULT_KUBE_DNS_MAP = "/etc/kube-dns";

export interface InputsOptions {
  /** A Corefile, or where the one from a template is written; `null` is not named. */
  readonly confFile: string | null;
  readonly dnsPort: number;
  /** Addresses to take over, canonical. */
  readonly localIps: readonly string[];
  /** The template; `null` is `defaultTemplate` if it is there. */
  readonly template: string | null;
  /** @default {DEFAULT_TEMPLATE} `null` for none. */
  readonly defaultTemplate?: string | null;
  /** Where the Corefile is written if `confFile` is not named; `null` is not named either. */
  readonly output: string | null;
  /** Directory; `null` is `/etc/kube-dns` if it is there. */
  readonly kubeDnsMap: string | null;
  readonly upstreamService: string;
  readonly prometheusEndpoint: string;
  /** Whether the Corefile from a template is written. */
  readonly isWritten: boolean;
  /** @default {systemSource} */
  readonly source?: ConfigSource;
  /** How names are looked up; for tests. */
  readonly lookUp?: Lookup;
}

export interface InputsReading {
  /** The Corefile or the template: the name to report under. */
  readonly file: string;
  /** `null` when there is none to go on with. */
  readonly config: Config | null;
  /**
   * Errors beside a config are about inputs that it does without, such as a broken ConfigMap of
   * kube-dns.
   */
  readonly problems: readonly Problem[];
  /** The Corefile that a template became; `null` without a template. */
  readonly rendered: string | null;
  /** Changes with what the Corefile says, not with how it is written: see `LoadResult.hash`. */
  readonly hash: string;
}

/** What was good at the last reading. */
export interface InputsMemory {
  readonly kubeDnsMap: KubeDnsMap | null;
  readonly clusterDns: readonly string[];
}

export interface ReadingContext {
  readonly options: InputsOptions;
  readonly snapshot: Snapshot;
  readonly memory: InputsMemory;
}

/** A reading in the making: nothing has been written or remembered. */
export interface UnfinishedReading {
  readonly memory: InputsMemory;
  finish(): InputsReading | Promise<InputsReading>;
}

/** For every way of loading. */
export function loadOptions({ options, snapshot }: ReadingContext): Omit<LoadOptions, "confFile"> {
  return {
    dnsPort: options.dnsPort,
    ownAddresses: options.localIps,
    source: snapshot,
  };
}
