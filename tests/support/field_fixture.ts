/** Which Corefiles of the field there are, what their upstreams answer, and how they are asked. */

import assert from "node:assert/strict";
import type { RecordType } from "dns-packet";
import { ask, type Reply } from "./dns_client.ts";
import { parseRecord } from "./dns_message.ts";
import type { Field, FieldCorefile } from "./field_corefile.ts";
import type { ScriptedUpstream, UpstreamQuery } from "./scripted_upstream.ts";

export const TYPE_A = 1;
const TYPE_PTR = 12;
export const TYPE_HINFO = 13;
const TYPE_AAAA = 28;
const NXDOMAIN = 3;
const SERVFAIL = 2;
export const REFUSED = 5;
const CLUSTER_SOA =
  "cluster.local. 300 SOA ns.cluster.local. host.cluster.local. 1 7200 1800 86400 300";

const KUBERNETES: FieldCorefile = {
  file: "kubernetes.Corefile",
  local: ["169.254.20.10", "10.96.0.10"],
  cluster: "10.96.77.77",
  outside: "/etc/resolv.conf",
  http: ["169.254.20.10:8080", ":9253"],
};

export const FIELD_COREFILES: readonly FieldCorefile[] = [
  KUBERNETES,
  {
    ...KUBERNETES,
    ...{ file: "colopl.Corefile", local: ["10.96.0.10"], cluster: "10.96.88.88" },
    http: ["10.96.0.10:8080", ":9153"],
  },
  kubespray("kubespray.Corefile", 9254, 9253),
  kubespray("kubespray_second.Corefile", 9256, 9255),
  {
    ...KUBERNETES,
    ...{ file: "gardener.Corefile", local: ["169.254.20.10", "100.64.0.10"] },
    ...{ cluster: "100.64.77.77", http: ["169.254.20.10:8099", ":9253"] },
  },
  {
    ...KUBERNETES,
    ...{ file: "deckhouse.Corefile", local: ["169.254.20.10", "10.222.0.10"] },
    ...{ cluster: "10.222.77.77", http: ["169.254.20.10:9254"] },
  },
  {
    ...{ file: "aks.Corefile", local: ["169.254.10.10", "169.254.10.11"] },
    ...{ cluster: "10.0.0.10", outside: "168.63.129.16" },
    http: ["169.254.10.10:8181", ":9253"],
  },
];

function kubespray(file: string, health: number, metrics: number): FieldCorefile {
  return {
    ...KUBERNETES,
    ...{ file, local: ["169.254.25.10"], cluster: "10.233.0.3", site: "192.0.2.53 192.0.2.54" },
    http: [`169.254.25.10:${health}`, `:${metrics}`],
  };
}

/** Names whose queries get no answer while they are here. */
const silenced = new Set<string>();

/**
 * What both upstreams answer. The first label says what: `nothing` a denial, `broken` a failure,
 * `ttlN` a record with that TTL; AAAA of a name is as good as A.
 */
export function answerField(query: UpstreamQuery): void {
  const type = query.message.questions[0]?.type;
  const [, ttl = "7200"] = /^ttl(\d+)-/.exec(query.name) ?? [];
  if (silenced.has(query.name)) return;
  if (query.name.startsWith("nothing")) {
    query.reply({ rcode: NXDOMAIN, authority: [parseRecord(CLUSTER_SOA)] });
  } else if (query.name.startsWith("broken")) {
    query.reply({ rcode: SERVFAIL });
  } else if (type === TYPE_AAAA) {
    query.reply({ answer: [parseRecord(`${query.name} ${ttl} AAAA 2001:db8::1`)] });
  } else if (type === TYPE_PTR) {
    query.reply({ answer: [parseRecord(`${query.name} ${ttl} PTR a.svc.cluster.local.`)] });
  } else {
    query.reply({ answer: [parseRecord(`${query.name} ${ttl} A 192.0.2.1`)] });
  }
}

/** Lets the upstreams ignore a name from now on. */
export function silence(name: string): void {
  silenced.add(name);
}

export function answerAgain(name: string): void {
  silenced.delete(name);
}

export interface FieldCheck {
  readonly title: string;
  readonly files: readonly string[];
  /** Directives and `PLUGIN.OPTION`s that it is about. */
  readonly needs: readonly string[];
  /** Waits for a time-out, while the others go on. */
  readonly isSlow?: boolean;
  run(field: Field): Promise<void>;
}

export const ALL = FIELD_COREFILES.map(({ file }) => file);
export const KUBESPRAY = ["kubespray.Corefile", "kubespray_second.Corefile"];
export const STOCK_CACHE = [
  "kubernetes.Corefile",
  "colopl.Corefile",
  ...KUBESPRAY,
  "gardener.Corefile",
];
export const WITHOUT_AAAA = ["colopl.Corefile"];
export const LONG_CACHE = ["deckhouse.Corefile", "aks.Corefile"];
export const WITH_HEALTH = [...STOCK_CACHE];
export const RELOADED = ALL.filter((file) => file !== "aks.Corefile");

let count = 0;

/** A name that nobody has asked for yet. */
export function fresh(prefix: string, zone: string): string {
  count += 1;
  return `${prefix}-${count}.${zone}`;
}

export function askField(
  field: Field,
  name: string,
  type: RecordType = "A",
  at = 0,
): Promise<Reply> {
  return ask(field.port, name, type, { address: field.addresses[at] ?? "", timeoutMs: 8_000 });
}

/** TTL of the first record of the answer, or of the authority section. */
export function ttlOf(reply: Reply): number {
  const [record] = [...(reply.answers ?? []), ...(reply.authorities ?? [])];
  return (record as { ttl?: number } | undefined)?.ttl ?? -1;
}

export function transportsOf(upstream: ScriptedUpstream, name: string): string[] {
  const asked = upstream.heard.filter((query) => query.name === `${name}.`);
  return [...new Set(asked.map((query) => query.transport))];
}

export async function textOf(url: string): Promise<string> {
  const response = await fetch(url);
  assert.equal(response.status, 200, url);
  return response.text();
}

/** How the file writes its first or last HTTP listener. */
export function httpOf(field: Field, at: number): string {
  return field.corefile.http.at(at) ?? "";
}
