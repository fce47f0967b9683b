/** Checks that need all server blocks: who serves what where, and who forwards to whom. */

import type { ForwardRule } from "../plugins/forward/setup.ts";
import { describeUpstream } from "../plugins/forward/upstream.ts";
import { canonicalIpAddress, formatEndpoint } from "../std/ip_address.ts";
import { listenAddresses, WILDCARD_ADDRESSES } from "./compile.ts";
import type { ServerConfig } from "./config.ts";
import type { Place, Problems } from "./problem.ts";
import type { ConfigSource } from "./source.ts";

/** Records every conflict between server blocks. */
export function checkServers(servers: readonly ServerConfig[], context: CheckContext): void {
  checkOverlaps(servers, context.problems);
  checkOwnUpstreams(servers, context);
  checkFilters(servers, context.problems);
}

export interface CheckContext {
  /** Addresses that will be taken over. */
  readonly ownAddresses: readonly string[];
  readonly dnsPort: number;
  readonly source: ConfigSource;
  readonly problems: Problems;
}

/** dns64 makes AAAA records of A records, and filter_aaaa would say that there are none. */
function checkFilters(servers: readonly ServerConfig[], problems: Problems): void {
  for (const { place, plugins } of servers) {
    if (plugins.filter_aaaa === undefined || plugins.dns64 === undefined) continue;
    const message = "Cannot use filter_aaaa and dns64 in one server block: remove one of them";
    problems.error(place, message, "filter_aaaa");
  }
}

interface Served {
  readonly server: ServerConfig;
  readonly place: Place;
}

/**
 * The same zone and port twice is an error on the same address, and also when one block is bound
 * to addresses and the other to none: which of them answers would depend on the address.
 *
 * A block with a `view` leaves queries over for those that follow it, so it may stand before
 * others.
 */
function checkOverlaps(servers: readonly ServerConfig[], problems: Problems): void {
  const exact = new Map<string, Served>();
  const unbound = new Map<string, Served>();
  const bound = new Map<string, Served>();
  for (const server of servers) {
    const { place } = server;
    const addresses = listenAddresses(server);
    const isUnbound = addresses === WILDCARD_ADDRESSES;
    for (const { zone, port } of server.serves) {
      const what = `dns://${zone}:${port}`;
      const other = (isUnbound ? bound : unbound).get(what);
      if (other !== undefined) {
        const where = `${other.place.file}:${other.place.line}`;
        const advice = "bind both blocks to addresses or neither";
        problems.error(place, `Cannot serve ${what}: zone overlaps with ${where}: ${advice}`);
      }
      const { view } = server.plugins;
      if (view === undefined) (isUnbound ? unbound : bound).set(what, { server, place });
      for (const address of addresses) {
        const key = `${what} on ${address}`;
        const ofView = view === undefined ? key : `${key} for ${view.name}`;
        // Metrics tell blocks of one zone apart by the names of their views.
        const first = exact.get(key) ?? exact.get(ofView);
        if (first !== undefined && first.server !== server) {
          const where = `${first.place.file}:${first.place.line}`;
          const on = isUnbound ? "" : ` on ${address}`;
          problems.error(place, `Cannot serve ${what}${on}: it is already defined at ${where}`);
          break;
        }
        exact.set(ofView, { server, place });
      }
    }
  }
}

/** An upstream that is one of our own sockets would send every miss round in a circle. */
function checkOwnUpstreams(servers: readonly ServerConfig[], context: CheckContext): void {
  const { ownAddresses, dnsPort, source, problems } = context;
  const own = ownEndpoints(servers, source);
  const takenOver = new Set(ownAddresses.map((address) => formatEndpoint(address, dnsPort)));
  for (const server of servers) {
    for (const rule of server.plugins.forward?.rules ?? []) {
      const isOwn = (endpoint: string) => takenOver.has(endpoint) || own.has(endpoint);
      leaveOutOwn(rule, isOwn);
      for (const upstream of rule.upstreams) {
        const endpoint = describeUpstream(upstream);
        const what = `Cannot forward to ${endpoint}`;
        const where = own.get(endpoint);
        if (takenOver.has(endpoint)) {
          const why = "this address is taken over (-localip), so queries would loop";
          const advice = "name another address of that server, such as a second Service for it";
          problems.error(rule.place, `${what}: ${why}: ${advice}`, "forward");
        } else if (where !== undefined) {
          const why = `this server listens there itself (${where.file}:${where.line})`;
          problems.error(rule.place, `${what}: ${why}, so queries would loop`, "forward");
        }
      }
    }
  }
}

/**
 * A resolv.conf that names this server names others beside it, and what is meant are those. Without
 * others nothing is left out, so that there is an error that says why.
 */
function leaveOutOwn(rule: ForwardRule, isOwn: (endpoint: string) => boolean): void {
  const others = rule.upstreams.filter((upstream) => {
    const endpoint = describeUpstream(upstream);
    return !(rule.fromFiles.includes(endpoint) && isOwn(endpoint));
  });
  if (others.length > 0) rule.upstreams = others;
}

function ownEndpoints(servers: readonly ServerConfig[], source: ConfigSource): Map<string, Place> {
  const own = new Map<string, Place>();
  const local = source.interfaces().flatMap((entry) => entry.addresses);
  for (const server of servers) {
    const addresses = listenAddresses(server);
    for (const address of addresses === WILDCARD_ADDRESSES ? local : addresses) {
      const canonical = canonicalIpAddress(address) ?? address;
      for (const { port } of server.serves) {
        const endpoint = formatEndpoint(canonical, port);
        if (!own.has(endpoint)) own.set(endpoint, server.place);
      }
    }
  }
  return own;
}
