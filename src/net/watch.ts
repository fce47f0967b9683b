/**
 * Notices that somebody has changed links, addresses, routes or rules, without running a program
 * and nearly without work: a few system calls per look.
 *
 * - Links, addresses and routes: the kernel tells who listens (rtnetlink(7), multicast groups).
 * - Rules of iptables-nft: every change of nftables raises one number, its generation.
 * - Rules of iptables-legacy: nothing tells; a table's number of rules and its size are asked for,
 *   which catches all but a rule that took the place of another.
 *
 * It says that something may have changed, and not what: our own changes show, too, and those that
 * are none of our business.
 */

import { EAGAIN, EINTR } from "../sys/errno.ts";
import type { Kernel, Pointer } from "../sys/kernel.ts";
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from "../sys/layout.ts";
import {
  IPT_GETINFO_BYTES,
  IPT_GETINFO_ENTRIES,
  IPT_SO_GET_INFO,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NFGENMSG_BYTES,
  NFNL_SUBSYS_NFTABLES,
  NFTA_GEN_ID,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_IPV6_ROUTE,
  RTMGRP_LINK,
} from "../sys/netlink_layout.ts";
import { decodeAttributes, readBe32 } from "../sys/netlink_message.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { getGenerationRequest } from "./nft_messages.ts";
import type { Family } from "./settings.ts";

/** A table of iptables-legacy. Asking for one that is not there would make it. */
export interface LegacyTable {
  readonly family: Family;
  readonly name: string;
}

export interface Changes {
  /** Links, addresses or routes. */
  readonly links: boolean;
  readonly rules: boolean;
}

const LINK_GROUPS =
  RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
/** Notices in one look; a node that changes faster is looked at every time anyhow. */
const NOTICES_MAX = 64;

export class ChangeWatch {
  readonly #kernel: Kernel;
  readonly #links: NetlinkSocket;
  readonly #nftables: NetlinkSocket;
  readonly #legacyTables: () => readonly LegacyTable[];
  readonly #info: number;
  readonly #infoPointer: Pointer;
  readonly #length: number;
  readonly #lengthPointer: Pointer;
  readonly #sockets = new Map<Family, number>();
  #lastRules = "";

  /**
   * @param legacyTables those to watch, asked for at every look; none where rules are in nftables.
   * @throws {SysError} when there is no netlink.
   */
  constructor(kernel: Kernel, legacyTables: () => readonly LegacyTable[]) {
    const { slab } = kernel;
    this.#kernel = kernel;
    this.#legacyTables = legacyTables;
    this.#links = new NetlinkSocket(kernel, NETLINK_ROUTE, LINK_GROUPS);
    this.#nftables = new NetlinkSocket(kernel, NETLINK_NETFILTER);
    this.#info = slab.carve(IPT_GETINFO_BYTES);
    this.#infoPointer = kernel.pointer(this.#info);
    this.#length = slab.carve(8);
    this.#lengthPointer = kernel.pointer(this.#length);
    this.#links.open();
    this.#nftables.open();
  }

  /** What may have changed since the last call; at the first one, rules always. */
  poll(): Changes {
    const rules = [this.#generation(), ...this.#legacyTables().map((table) => this.#sizeOf(table))];
    const text = rules.join(" ");
    const isOther = text !== this.#lastRules;
    this.#lastRules = text;
    return { links: this.#hasNotices(), rules: isOther };
  }

  close(): void {
    this.#links.close();
    this.#nftables.close();
    for (const fd of this.#sockets.values()) this.#kernel.close(fd);
    this.#sockets.clear();
  }

  /** Takes what is there. Lost ones (ENOBUFS) are notices as well. */
  #hasNotices(): boolean {
    let hasAny = false;
    for (let count = 0; count < NOTICES_MAX; count++) {
      const notice = this.#links.receive();
      if (notice === -EAGAIN) break;
      if (notice !== -EINTR) hasAny = true;
    }
    return hasAny;
  }

  /** 0 where the kernel has no nftables. */
  #generation(): number {
    const { messages } = this.#nftables.request(getGenerationRequest());
    const answer = messages.find(({ type }) => type >> 8 === NFNL_SUBSYS_NFTABLES);
    if (answer === undefined) return 0;
    return readBe32(decodeAttributes(answer.body, NFGENMSG_BYTES).get(NFTA_GEN_ID));
  }

  /** `filter 12 2048`, or `filter -1` where it cannot be read. */
  #sizeOf({ family, name }: LegacyTable): string {
    const { bytes, view } = this.#kernel.slab;
    const level = family === 4 ? IPPROTO_IP : IPPROTO_IPV6;
    bytes.fill(0, this.#info, this.#info + IPT_GETINFO_BYTES);
    bytes.set(new TextEncoder().encode(name), this.#info);
    view.setInt32(this.#length, IPT_GETINFO_BYTES, true);
    const code = this.#kernel.getsockopt(
      this.#socketOf(family),
      level,
      IPT_SO_GET_INFO,
      this.#infoPointer,
      this.#lengthPointer,
    );
    if (code < 0) return `${name} ${code}`;
    const entries = this.#info + IPT_GETINFO_ENTRIES;
    return `${name} ${view.getUint32(entries, true)} ${view.getUint32(entries + 4, true)}`;
  }

  /** Any socket of the family will do to ask by. */
  #socketOf(family: Family): number {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const fd = this.#kernel.socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) this.#sockets.set(family, fd);
    return fd;
  }
}
