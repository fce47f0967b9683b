/**
 * Our addresses on a link, with the routes that make them local.
 *
 * The kernel makes a local route with every address, whose source is the address itself. A process
 * of this machine that connects a UDP socket then has our address as its own, and when that is gone
 * its socket answers ENETUNREACH for ever. So one whose source is the node's is put behind it, and
 * the kernel's is deleted: the socket outlives us, and goes on to kube-dns. In IPv6 it has to have
 * another metric, 1, to stand behind. Routes of other links for the same address are left alone: an
 * older agent, whose place we take, may hold it as well, and outlive us.
 *
 * A route made like this survives the deletion of its address: only the link takes both away.
 *
 * **Sockets that were there before.** A connected socket remembers its route. In IPv4 any change of
 * routes makes it look again; in IPv6 a new route of table local does not, so that a process of
 * this machine that has asked kube-dns by a socket of its own would go on sending to the default
 * gateway, past NOTRACK and so without DNAT: nobody answers it as long as we are there. What makes
 * all sockets look again is the deletion of an address, of any.
 */

import { setTimeout as delay } from "node:timers/promises";
import { EEXIST } from "../sys/errno.ts";
import { RT_SCOPE_HOST } from "../sys/netlink_layout.ts";
import { expectDone } from "./expect_done.ts";
import { findNodeAddress, type NodeAddress } from "./node_address.ts";
import { canonicalAddress, type LocalRoute, type Rtnetlink } from "./rtnetlink.ts";
import { familyOfAddress } from "./settings.ts";

const METRIC_V6 = 1;
/** Not the first time: the kernel makes its IPv6 route a little later, from a work queue. */
const KERNEL_ROUTE_TRIES_MAX = 50;
const KERNEL_ROUTE_POLL_MS = 1;
/** Of a block from which nobody has an address (RFC 6666). */
const THROWAWAY_V6 = "100::6e6f:6465:6e73";

export class HeldAddresses {
  readonly #rtnetlink: Rtnetlink;
  readonly #addresses: readonly string[];
  readonly #nodeAddress: NodeAddress;

  /** @param nodeAddress default: the source of the node's default route. */
  constructor(rtnetlink: Rtnetlink, addresses: readonly string[], nodeAddress?: NodeAddress) {
    this.#rtnetlink = rtnetlink;
    this.#addresses = addresses.map(canonicalAddress);
    const ours = new Set(this.#addresses);
    this.#nodeAddress = nodeAddress ?? ((family) => findNodeAddress(rtnetlink, family, ours));
  }

  /**
   * Adds what is missing. All addresses are there before the first `await`.
   *
   * @throws {NetError}
   */
  async put(linkIndex: number): Promise<void> {
    const known = this.#rtnetlink.addresses(linkIndex);
    const routes = this.#wantedRoutes(linkIndex);
    for (const route of routes) {
      const { address } = route;
      const old = known.find((one) => one.address === address);
      // An address keeps the scope that it was added with, as by node-cache.
      if (old !== undefined && familyOfAddress(address) === 4 && old.scope !== RT_SCOPE_HOST) {
        this.#rtnetlink.deleteAddress(linkIndex, address);
      }
      const added = this.#rtnetlink.addAddress(linkIndex, address);
      if (added.code !== -EEXIST) expectDone(added, "interface_add", `add the address ${address}`);
      const action = `route ${address} with source ${route.source}`;
      if (route.source !== "") {
        const put = this.#rtnetlink.putLocalRoute(route);
        if (put.code !== -EEXIST) expectDone(put, "interface_add", action);
      }
    }
    this.#deleteOtherRoutes(linkIndex, routes);
    if (routes.some(({ address }) => familyOfAddress(address) === 6)) {
      this.#makeLookAgain(linkIndex);
    }
    for (const route of routes.filter(({ metric }) => metric > 0)) {
      const isNew = known.every(({ address }) => address !== route.address);
      await this.#deleteKernelRoute(route, isNew ? KERNEL_ROUTE_TRIES_MAX : 1);
    }
  }

  /** Takes our addresses and routes from a link that has to stay. */
  remove(linkIndex: number): void {
    for (const address of this.#addresses) this.#rtnetlink.deleteAddress(linkIndex, address);
    for (const family of [4, 6] as const) {
      for (const route of this.#rtnetlink.localRoutes(linkIndex, family)) {
        if (this.#addresses.includes(route.address)) this.#rtnetlink.deleteLocalRoute(route);
      }
    }
  }

  /** Whether all that `put` makes is there and the link is up. */
  isWhole(linkIndex: number): boolean {
    const link = this.#rtnetlink.findLink(linkIndex);
    if (link === null || !link.isUp) return false;
    const known = new Set(this.#rtnetlink.addresses(linkIndex).map(({ address }) => address));
    const families = new Set(this.#addresses.map(familyOfAddress));
    const routes = [...families].flatMap((one) => this.#rtnetlink.localRoutes(linkIndex, one));
    return this.#wantedRoutes(linkIndex).every(({ address, source }) => {
      // The first one of an address is in force: the kernel lists them by metric.
      const route = routes.find((one) => one.address === address);
      const hasSource = source === "" || route?.source === source;
      return known.has(address) && route !== undefined && hasSource;
    });
  }

  /** As of now: the node's address may change, and the kernel keeps routes with one it lost. */
  #wantedRoutes(linkIndex: number): LocalRoute[] {
    const sources = { 4: this.#nodeAddress(4), 6: this.#nodeAddress(6) };
    return this.#addresses.map((address) => {
      const family = familyOfAddress(address);
      // Without any, the kernel's own route is good: in IPv4 its source is the address itself.
      const source = sources[family] ?? (family === 4 ? address : "");
      return { address, linkIndex, metric: family === 6 && source !== "" ? METRIC_V6 : 0, source };
    });
  }

  /** The kernel's own in IPv4, which comes with the address, and those with a source of before. */
  #deleteOtherRoutes(linkIndex: number, wanted: readonly LocalRoute[]): void {
    for (const route of this.#rtnetlink.localRoutes(linkIndex, 4)) {
      const ours = wanted.find(({ address }) => address === route.address);
      if (ours !== undefined && ours.source !== route.source) {
        this.#rtnetlink.deleteLocalRoute(route);
      }
    }
  }

  /** Sockets that have a route by IPv6. What cannot be done is not missed by most. */
  #makeLookAgain(linkIndex: number): void {
    this.#rtnetlink.addAddress(linkIndex, THROWAWAY_V6);
    this.#rtnetlink.deleteAddress(linkIndex, THROWAWAY_V6);
  }

  async #deleteKernelRoute({ address, linkIndex }: LocalRoute, triesMax: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      const kernels = this.#rtnetlink
        .localRoutes(linkIndex, 6)
        .find((route) => route.address === address && route.metric < METRIC_V6);
      if (kernels !== undefined) {
        // Metric 0 means any to the kernel; it takes the first.
        this.#rtnetlink.deleteLocalRoute({ ...kernels, source: "" });
        return;
      }
      if (tries >= triesMax) return;
      await delay(KERNEL_ROUTE_POLL_MS);
    }
  }
}
