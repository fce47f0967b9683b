/** What kube-proxy writes in its iptables mode, for two Services, as text for iptables-restore. */

import { createHash } from "node:crypto";
import {
  CLUSTER_IP,
  type Dual,
  KUBE_DNS_ENDPOINTS,
  POD_CIDR,
  UPSTREAM_ENDPOINTS,
  UPSTREAM_IP,
} from "./places.ts";

export interface KubeProxyOptions {
  /** Endpoints of each Service, 1 or 2. */
  readonly endpointCount: number;
}

interface ServicePort {
  /** `kube-system/kube-dns:dns-tcp` */
  readonly name: string;
  readonly protocol: "udp" | "tcp";
  readonly clusterIp: string;
  readonly endpoints: readonly string[];
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MASQUERADE_MARK = "0x4000/0x4000";

/** All of its tables. The chain in `mangle` is kubelet's, by which the back end is recognised. */
export function kubeProxyRules(family: 4 | 6, options: KubeProxyOptions): string {
  const ports = servicePorts(family, options.endpointCount);
  const tables = [...mangleTable(), ...filterTable(family), ...natTable(family, ports)];
  return `${tables.join("\n")}\n`;
}

/** The rule that sends one Service's port on, with `-A` or `-D` as first word. */
export function serviceRule(verb: "-A" | "-D" | "-I", family: 4 | 6, protocol: "udp" | "tcp") {
  const port = servicePorts(family, 1).find(
    (one) => one.protocol === protocol && one.clusterIp === CLUSTER_IP[family],
  );
  if (port === undefined) throw new Error(`Cannot find the Service's ${protocol} port`);
  return `*nat\n${verb} ${toService(port)}\nCOMMIT\n`;
}

/** The chain that kube-proxy makes for a Service's port: `KUBE-SVC-TCOU7JCQXEZGVUNU`. */
export function serviceChain(portName: string, protocol: string): string {
  return `KUBE-SVC-${shortHash(portName + protocol)}`;
}

function servicePorts(family: 4 | 6, endpointCount: number): ServicePort[] {
  const services: readonly (readonly [string, Dual, readonly Dual[]])[] = [
    ["kube-dns", CLUSTER_IP, KUBE_DNS_ENDPOINTS],
    ["kube-dns-upstream", UPSTREAM_IP, UPSTREAM_ENDPOINTS],
  ];
  return services.flatMap(([service, clusterIps, endpoints]) =>
    (["udp", "tcp"] as const).map((protocol) => ({
      name: `kube-system/${service}:${protocol === "udp" ? "dns" : "dns-tcp"}`,
      protocol,
      clusterIp: clusterIps[family],
      endpoints: endpoints.slice(0, endpointCount).map((endpoint) => withPort(endpoint[family])),
    })),
  );
}

function mangleTable(): string[] {
  return ["*mangle", ...chains(["KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"]), "COMMIT"];
}

function filterTable(family: 4 | 6): string[] {
  const isNew = "-m conntrack --ctstate NEW";
  const localnet = comment("block incoming localnet connections");
  const blocked = `-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 ${localnet} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`;
  return [
    "*filter",
    ...chains(["KUBE-EXTERNAL-SERVICES", "KUBE-FIREWALL", "KUBE-FORWARD", "KUBE-NODEPORTS"]),
    ...chains(["KUBE-PROXY-FIREWALL", "KUBE-SERVICES"]),
    ...["INPUT", "FORWARD", "OUTPUT"].map(
      (chain) =>
        `-A ${chain} ${isNew} ${comment("kubernetes load balancer firewall")} -j KUBE-PROXY-FIREWALL`,
    ),
    `-A INPUT ${comment("kubernetes health check service ports")} -j KUBE-NODEPORTS`,
    `-A INPUT ${isNew} ${comment("kubernetes externally-visible service portals")} -j KUBE-EXTERNAL-SERVICES`,
    "-A INPUT -j KUBE-FIREWALL",
    `-A FORWARD ${comment("kubernetes forwarding rules")} -j KUBE-FORWARD`,
    `-A FORWARD ${isNew} ${comment("kubernetes service portals")} -j KUBE-SERVICES`,
    `-A OUTPUT ${isNew} ${comment("kubernetes service portals")} -j KUBE-SERVICES`,
    "-A OUTPUT -j KUBE-FIREWALL",
    ...(family === 4 ? [blocked] : []),
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
    `-A KUBE-FORWARD ${comment("kubernetes forwarding rules")} -m mark --mark ${MASQUERADE_MARK} -j ACCEPT`,
    `-A KUBE-FORWARD ${comment("kubernetes forwarding conntrack rule")} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    "COMMIT",
  ];
}

function natTable(family: 4 | 6, ports: readonly ServicePort[]): string[] {
  const portals = comment("kubernetes service portals");
  return [
    "*nat",
    ...chains(["KUBE-MARK-MASQ", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-SERVICES"]),
    ...chains(ports.map((port) => serviceChain(port.name, port.protocol))),
    ...chains(ports.flatMap((port) => port.endpoints.map((to) => endpointChain(port, to)))),
    `-A PREROUTING ${portals} -j KUBE-SERVICES`,
    `-A OUTPUT ${portals} -j KUBE-SERVICES`,
    `-A POSTROUTING ${comment("kubernetes postrouting rules")} -j KUBE-POSTROUTING`,
    `-A KUBE-MARK-MASQ -j MARK --set-xmark ${MASQUERADE_MARK}`,
    `-A KUBE-POSTROUTING -m mark ! --mark ${MASQUERADE_MARK} -j RETURN`,
    "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    `-A KUBE-POSTROUTING ${comment("kubernetes service traffic requiring SNAT")} -j MASQUERADE --random-fully`,
    ...ports.flatMap(endpointRules),
    ...ports.map((port) => `-A ${toService(port)}`),
    `-A KUBE-SERVICES ${comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain")} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`,
    ...ports.flatMap((port) => serviceRules(family, port)),
    "COMMIT",
  ];
}

function endpointRules(port: ServicePort): string[] {
  return port.endpoints.flatMap((to) => {
    const from = to.replace(/^\[?([^\]]*?)\]?:\d+$/, "$1");
    const chain = `-A ${endpointChain(port, to)}`;
    return [
      `${chain} -s ${host(from)} ${comment(port.name)} -j KUBE-MARK-MASQ`,
      `${chain} -p ${port.protocol} ${comment(port.name)} -m ${port.protocol} -j DNAT --to-destination ${to}`,
    ];
  });
}

function toService(port: ServicePort): string {
  return `KUBE-SERVICES ${toClusterIp(port)} -j ${serviceChain(port.name, port.protocol)}`;
}

function serviceRules(family: 4 | 6, port: ServicePort): string[] {
  const { name, protocol, endpoints } = port;
  const chain = `-A ${serviceChain(name, protocol)}`;
  return [
    `${chain} ! -s ${POD_CIDR[family]} ${toClusterIp(port)} -j KUBE-MARK-MASQ`,
    ...endpoints.map((to, index) => {
      const share = (1 / (endpoints.length - index)).toFixed(11);
      const isLast = index === endpoints.length - 1;
      const chance = isLast ? "" : ` -m statistic --mode random --probability ${share}`;
      return `${chain} ${comment(`${name} -> ${to}`)}${chance} -j ${endpointChain(port, to)}`;
    }),
  ];
}

function toClusterIp({ name, protocol, clusterIp }: ServicePort): string {
  const what = comment(`${name} cluster IP`);
  return `-d ${host(clusterIp)} -p ${protocol} ${what} -m ${protocol} --dport 53`;
}

function endpointChain(port: ServicePort, endpoint: string): string {
  return `KUBE-SEP-${shortHash(port.name + port.protocol + endpoint)}`;
}

/** The first 16 letters of the SHA-256 in base 32, as kube-proxy takes them. */
function shortHash(text: string): string {
  const bits = [...createHash("sha256").update(text).digest()]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("");
  return Array.from({ length: 16 }, (_, index) => {
    return BASE32[Number.parseInt(bits.slice(index * 5, index * 5 + 5), 2)];
  }).join("");
}

function chains(names: readonly string[]): string[] {
  return names.map((name) => `:${name} - [0:0]`);
}

function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

function host(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function withPort(address: string): string {
  return address.includes(":") ? `[${address}]:53` : `${address}:53`;
}
