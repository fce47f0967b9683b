/**
 * Which iptables rules interception needs, as values. Pure: nothing is read, nothing is run.
 *
 * An address is taken over by leaving its packets untracked: what is untracked passes no nat table,
 * kube-proxy's DNAT does not apply, and the packet is delivered to whoever holds the address. The
 * page README.md of this folder says for every rule what breaks without it.
 */

import { formatEndpoint } from "../std/ip_address.ts";
import type { Chain, Rule, Table } from "./rule.ts";
import { type Endpoint, familyOfAddress, type LeaseKind } from "./settings.ts";

export interface DesiredRulesInput {
  /** Canonical; both families may stand side by side. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** 0 is no health check. */
  readonly healthPort: number;
  readonly lease: LeaseKind;
  /** By address: who answers while nobody holds it. Those of the other family are left out. */
  readonly fallbacks: ReadonlyMap<string, readonly Endpoint[]>;
}

type Protocol = "udp" | "tcp";
type Direction = "to" | "from";

const PROTOCOLS: readonly Protocol[] = ["udp", "tcp"];

/** What binds a rule to the time in which the address is ours: without the address it is inert. */
const WHILE_LOCAL = ["-m", "addrtype", "--dst-type", "LOCAL"];
/**
 * And in OUTPUT to packets that are on their way to us. An IPv6 socket that has asked before keeps
 * its old route for a moment (held_addresses.ts): untracked, it would ask nobody.
 */
const TO_US = ["-o", "lo"];
const WHILE_NOT_LOCAL = ["-m", "addrtype", "!", "--dst-type", "LOCAL"];
/** The same for an address that stays when we are gone. */
const WHILE_A_SOCKET_LISTENS = ["-m", "socket", "--nowildcard"];

/** kube-proxy's own rules have ten digits; xt_statistic keeps 31 bits. */
const PROBABILITY_DIGITS = 5;

const SKIP_CONNTRACK = "skip conntrack";
const ALLOW_DNS = "allow DNS";
const FALL_BACK = "fall back to kube-dns while nobody answers here";

/** All rules, by address and in the order in which they shall stand within a chain. */
export function desiredRules(input: DesiredRulesInput): Rule[] {
  return input.addresses.flatMap((address) => [
    ...queryRules(input, address),
    ...replyRules(input, address),
    ...acceptRules(input, address),
    ...healthRules(input, address),
    ...fallbackRules(input, address),
  ]);
}

/** The lease `nft` has these in a table of its own, which goes when the process goes. */
function queryRules({ lease, port }: DesiredRulesInput, address: string): Rule[] {
  if (lease === "nft") return [];
  const match = (protocol: Protocol) => [
    ...packets("to", { address, protocol, port }),
    ...WHILE_LOCAL,
    ...(lease === "socket" ? WHILE_A_SOCKET_LISTENS : []),
  ];
  const ofPods = PROTOCOLS.map((protocol) =>
    rule(address, ["raw", "PREROUTING", SKIP_CONNTRACK], [...match(protocol), "-j", "NOTRACK"], {
      reason: `${name(protocol)} queries of pods come to us and not to kube-dns`,
    }),
  );
  // xt_socket looks at packets that arrive; those of the node's own processes do not.
  if (lease === "socket") return ofPods;
  const ofNode = PROTOCOLS.map((protocol) => {
    const words = [...TO_US, ...match(protocol), "-j", "NOTRACK"];
    return rule(address, ["raw", "OUTPUT", SKIP_CONNTRACK], words, {
      reason: `${name(protocol)} queries of the node and of hostNetwork pods come to us`,
    });
  });
  return [...ofPods, ...ofNode];
}

/** Never bound to the address: the answer that is late is the one that must not be tracked. */
function replyRules({ port }: DesiredRulesInput, address: string): Rule[] {
  return PROTOCOLS.map((protocol) => {
    const words = [...packets("from", { address, protocol, port }), "-j", "NOTRACK"];
    return rule(address, ["raw", "OUTPUT", SKIP_CONNTRACK], words, {
      reason: `a late ${name(protocol)} answer does not tie its client to a dead flow`,
    });
  });
}

function acceptRules({ port }: DesiredRulesInput, address: string): Rule[] {
  const queries = PROTOCOLS.map((protocol) => {
    const match = [...packets("to", { address, protocol, port }), ...WHILE_LOCAL];
    return rule(address, ["filter", "INPUT", ALLOW_DNS], [...match, "-j", "ACCEPT"], {
      reason: `untracked ${name(protocol)} queries pass a firewall that accepts known flows only`,
    });
  });
  const answers = PROTOCOLS.map((protocol) => {
    const match = packets("from", { address, protocol, port });
    return rule(address, ["filter", "OUTPUT", ALLOW_DNS], [...match, "-j", "ACCEPT"], {
      reason: `untracked ${name(protocol)} answers pass a firewall that accepts known flows only`,
    });
  });
  return [...queries, ...answers];
}

/** kubelet asks from the node itself, so that OUTPUT sees both ways. */
function healthRules({ healthPort }: DesiredRulesInput, address: string): Rule[] {
  if (healthPort === 0) return [];
  const ends = { address, protocol: "tcp", port: healthPort } as const;
  const request = [...packets("to", ends), ...WHILE_LOCAL, "-j", "NOTRACK"];
  const response = [...packets("from", ends), "-j", "NOTRACK"];
  return [
    rule(address, ["raw", "OUTPUT", SKIP_CONNTRACK], request, {
      reason: "health checks work while the table of connections is full",
    }),
    rule(address, ["raw", "OUTPUT", SKIP_CONNTRACK], response, {
      reason: "and so do their responses",
    }),
  ];
}

/**
 * DNAT to endpoints, never to a ClusterIP: a connection gets one DNAT per hook, so that that of
 * kube-proxy would not follow.
 */
function fallbackRules(input: DesiredRulesInput, address: string): Rule[] {
  const { lease, port, fallbacks } = input;
  const family = familyOfAddress(address);
  const all = fallbacks.get(address) ?? [];
  const endpoints = all.filter((endpoint) => familyOfAddress(endpoint.address) === family);
  // With these leases the address stays when we are gone, and NOTRACK is what keeps nat away.
  const when = lease === "nft" || lease === "socket" ? [] : WHILE_NOT_LOCAL;
  return (["PREROUTING", "OUTPUT"] as const).flatMap((chain) =>
    PROTOCOLS.flatMap((protocol) =>
      endpoints.map((endpoint, index) => {
        const target = formatEndpoint(endpoint.address, endpoint.port);
        const match = [...packets("to", { address, protocol, port }), ...when];
        const share = oneOf(endpoints.length - index);
        const words = [...match, ...share, "-j", "DNAT", "--to-destination", target];
        const clients = chain === "OUTPUT" ? "the node" : "pods";
        return rule(address, ["nat", chain, FALL_BACK], words, {
          reason: `${name(protocol)} queries of ${clients} find kube-dns while we are gone`,
        });
      }),
    ),
  );
}

/** The first of three takes a third, the next half of the rest, the last all that is left. */
function oneOf(count: number): string[] {
  if (count === 1) return [];
  const probability = (1 / count).toFixed(PROBABILITY_DIGITS);
  return ["-m", "statistic", "--mode", "random", "--probability", probability];
}

function packets(
  direction: Direction,
  ends: { readonly address: string; readonly protocol: Protocol; readonly port: number },
): string[] {
  const { address, protocol, port } = ends;
  const block = `${address}/${familyOfAddress(address) === 4 ? 32 : 128}`;
  const [host, service] = direction === "to" ? ["-d", "--dport"] : ["-s", "--sport"];
  return [host, block, "-p", protocol, "-m", protocol, service, String(port)];
}

function rule(
  address: string,
  [table, chain, comment]: readonly [Table, Chain, string],
  words: readonly string[],
  { reason }: { readonly reason: string },
): Rule {
  return { family: familyOfAddress(address), table, chain, words, comment, reason };
}

function name(protocol: Protocol): string {
  return protocol.toUpperCase();
}
