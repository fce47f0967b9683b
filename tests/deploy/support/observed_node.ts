/**
 * A node in the laboratory with a nodens that intercepts and a real Prometheus beside it, which
 * scrapes it twice: as pods with annotations are scraped (one port, and every pod of the cluster in
 * one job), and as a PodMonitor's are (both ports, labels of its own).
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Companion, startCompanion } from "../../netns/support/companion.ts";
import { createLab, type Lab } from "../../netns/support/lab.ts";
import {
  CLUSTER_IP,
  KUBE_DNS_ENDPOINTS,
  NODE_LOCAL,
  UPSTREAM_IP,
} from "../../netns/support/places.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import type { FetchRequest } from "./fetch_companion.ts";

/** One job for all pods that have annotations, by relabelling as most people have it. */
export const ANNOTATIONS_JOB = "kubernetes-pods";
export const POD_MONITOR_JOB = "kube-system/nodens";

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeSec: number, value: string];
}

export interface RuleState {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
  /** Of alerts: inactive, pending or firing. */
  readonly state?: string;
}

interface ApiReply<Data> {
  readonly status: string;
  readonly error?: string;
  readonly data: Data;
}

const FETCHER = "../../deploy/support/fetch_companion.ts";
const URL = "http://127.0.0.1:9090";
const ADDRESSES = [CLUSTER_IP[4], NODE_LOCAL[4]];
const START_MS_MAX = 20_000;

/** As node-cache's, with plugins that count something of their own. */
const COREFILE = `cluster.local:53 {
    bind ${ADDRESSES.join(" ")}
    errors
    prometheus :9253
    health ${NODE_LOCAL[4]}:8080
    acl {
        filter type TXT
    }
    cache {
        success 9984 30
        denial 9984 5
    }
    reload
    loop
    filter_aaaa
    search_cut {
        names com
    }
    forward . ${UPSTREAM_IP[4]} {
        force_tcp
    }
}
.:53 {
    bind ${ADDRESSES.join(" ")}
    errors
    prometheus :9253
    cache 30
    reload
    hosts {
        192.0.2.9 h.example.org
        fallthrough
    }
    template IN A example.net {
        answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
    forward . ${UPSTREAM_IP[4]}
}
`;

const config = (rules: string) => `global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files: [${JSON.stringify(rules)}]
scrape_configs:
  - job_name: ${ANNOTATIONS_JOB}
    static_configs:
      - targets: ["127.0.0.1:9253"]
        labels: { kubernetes_namespace: kube-system, kubernetes_pod_name: nodens-abcde }
  - job_name: ${POD_MONITOR_JOB}
    static_configs:
      - targets: ["127.0.0.1:9253", "127.0.0.1:9353"]
        labels: { namespace: kube-system, pod: nodens-abcde, container: nodens }
`;

export class ObservedNode {
  readonly #fetcher: Companion;

  /** @param rules the rule file that Prometheus loads. */
  static async start(context: Ending, rules: string): Promise<ObservedNode> {
    const lab = await createLab(context);
    await startIntercepting(lab);
    const folder = mkdtempSync(join(tmpdir(), "nodens-prometheus-"));
    cleanUp(context, () => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "prometheus.yml"), config(rules));
    const prometheus = lab.spawn("node", "prometheus", [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      "--web.listen-address=127.0.0.1:9090",
      "--log.level=warn",
    ]);
    cleanUp(context, () => prometheus.stop("SIGKILL"));
    const fetcher = await startCompanion(lab.names.node, FETCHER, {});
    cleanUp(context, () => fetcher.stop());
    const node = new ObservedNode(fetcher);
    const isScraped = async () => {
      try {
        return (await node.query("nodens_workers")).length > 1;
      } catch {
        return false;
      }
    };
    await until("Prometheus has scraped nodens", isScraped, START_MS_MAX).catch((error) => {
      throw new Error(`${(error as Error).message}: ${prometheus.stderr()}`);
    });
    // Stopped with the laboratory.
    await lab.load("pod", { targets: ADDRESSES, udpClients: 2, tcpClients: 1, intervalMs: 50 });
    await askForEverything(lab);
    return node;
  }

  constructor(fetcher: Companion) {
    this.#fetcher = fetcher;
  }

  /** What an expression gives now. @throws {Error} when Prometheus cannot evaluate it. */
  async query(query: string): Promise<readonly Sample[]> {
    const form = { query };
    return (await this.#get<{ result: Sample[] }>({ url: `${URL}/api/v1/query`, form })).result;
  }

  async rules(): Promise<readonly RuleState[]> {
    const url = `${URL}/api/v1/rules`;
    const { groups } = await this.#get<{ groups: { rules: RuleState[] }[] }>({ url });
    return groups.flatMap(({ rules }) => rules);
  }

  /** Of all metrics that were scraped, and all series that rules have recorded. */
  async metricNames(): Promise<readonly string[]> {
    return this.#get<string[]>({ url: `${URL}/api/v1/label/__name__/values` });
  }

  async #get<Data>(request: FetchRequest): Promise<Data> {
    const reply = await this.#fetcher.request<ApiReply<Data>>(request);
    if (reply.status === "success") return reply.data;
    throw new Error(`Cannot get ${JSON.stringify(request)} of Prometheus: ${reply.error}`);
  }
}

async function startIntercepting(lab: Lab): Promise<void> {
  const fallback = ["-fallback", `${KUBE_DNS_ENDPOINTS[0]![4]}:53`];
  const flags = ["-localip", ADDRESSES.join(), "-lease", "tun", ...fallback];
  const nodens = lab.startNodens(COREFILE, flags);
  await lab.untilIntercepting(nodens, ADDRESSES);
}

/** A query for each plugin and each kind of answer. */
async function askForEverything(lab: Lab): Promise<void> {
  const address = CLUSTER_IP[4];
  for (let round = 0; round < 3; round++) {
    for (const [name, type] of [
      [`miss-${round}.cluster.local`, "A"],
      [`a-${round}.cluster.local`, "AAAA"],
      ["a.cluster.local", "TXT"],
      ["www.example.com.default.svc.cluster.local", "A"],
      ["h.example.org", "A"],
      ["a.example.net", "A"],
    ] as const) {
      await lab.ask("pod", { address, name, type });
    }
  }
}
