/**
 * Links, addresses and routes, by rtnetlink and in process: what `ip` does, without `ip`.
 *
 * That saves the stock image a program, takes microseconds in place of a process per change, and
 * lets a lease give an address back before the first `await`.
 */

import type { Kernel } from "../sys/kernel.ts";
import { AF_INET, AF_INET6 } from "../sys/layout.ts";
import * as nl from "../sys/netlink_layout.ts";
import {
  attribute,
  attributeText,
  attributeU8,
  attributeU32,
  decodeAttributes,
  joinBytes,
  type NetlinkMessage,
  type NetlinkRequest,
  nested,
  readText,
  readU32,
  viewOf,
} from "../sys/netlink_message.ts";
import type { NetlinkReply } from "../sys/netlink_socket.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { ipv6Bytes, ipv6Text } from "../sys/sockaddr.ts";
import { type Family, familyOfAddress } from "./settings.ts";

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `tun`, `dummy`, `bridge`, `veth` …; "" for hardware. */
  readonly kind: string;
  readonly isUp: boolean;
  /** A TUN device that several descriptors can hold. */
  readonly isMultiQueue: boolean;
  /** Index of the bridge or bond that it is a port of; 0 for none. */
  readonly master: number;
}

export interface LinkAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly linkIndex: number;
  readonly scope: number;
}

export interface LocalRoute {
  readonly address: string;
  readonly linkIndex: number;
  readonly metric: number;
  /** Source of what a process of this machine sends there; "" is what the kernel likes. */
  readonly source: string;
}

/** For as long as there is the address. */
const FOREVER_SEC = 0xffff_ffff;

export class Rtnetlink {
  readonly #socket: NetlinkSocket;

  /** @param kernel its slab gives the buffers, once; sockets are opened and closed at need. */
  constructor(kernel: Kernel) {
    this.#socket = new NetlinkSocket(kernel, nl.NETLINK_ROUTE);
  }

  close(): void {
    this.#socket.close();
  }

  /** The link of that name or index, or null. */
  findLink(link: string | number): Link | null {
    const isName = typeof link === "string";
    const { code, messages } = this.#request(nl.RTM_GETLINK, 0, [
      linkHeader(isName ? 0 : link, 0),
      ...(isName ? [attributeText(nl.IFLA_IFNAME, link)] : []),
    ]);
    const message = messages.find(({ type }) => type === nl.RTM_NEWLINK);
    return code < 0 || message === undefined ? null : decodeLink(message);
  }

  links(): Link[] {
    return this.#list(nl.RTM_GETLINK, [linkHeader(0, 0)]).map(decodeLink);
  }

  createLink(name: string, kind: string): NetlinkReply {
    return this.#request(nl.RTM_NEWLINK, nl.NLM_F_CREATE | nl.NLM_F_EXCL, [
      linkHeader(0, 0),
      attributeText(nl.IFLA_IFNAME, name),
      nested(nl.IFLA_LINKINFO, attributeText(nl.IFLA_INFO_KIND, kind)),
    ]);
  }

  deleteLink(index: number): NetlinkReply {
    return this.#request(nl.RTM_DELLINK, 0, [linkHeader(index, 0)]);
  }

  setUp(index: number): NetlinkReply {
    return this.#request(nl.RTM_NEWLINK, 0, [linkHeader(index, nl.IFF_UP, nl.IFF_UP)]);
  }

  setDown(index: number): NetlinkReply {
    return this.#request(nl.RTM_NEWLINK, 0, [linkHeader(index, 0, nl.IFF_UP)]);
  }

  rename(index: number, name: string): NetlinkReply {
    return this.#request(nl.RTM_NEWLINK, 0, [
      linkHeader(index, 0),
      attributeText(nl.IFLA_IFNAME, name),
    ]);
  }

  /** No fe80 address of its own, when it comes up. */
  withoutLinkLocal(index: number): NetlinkReply {
    const mode = attributeU8(nl.IFLA_INET6_ADDR_GEN_MODE, nl.IN6_ADDR_GEN_MODE_NONE);
    return this.#request(nl.RTM_NEWLINK, 0, [
      linkHeader(index, 0),
      nested(nl.IFLA_AF_SPEC, nested(AF_INET6, mode)),
    ]);
  }

  /** Addresses of one link, or of all (0). */
  addresses(linkIndex: number): LinkAddress[] {
    // Older kernels give all links' addresses, whatever was asked.
    return [AF_INET, AF_INET6]
      .flatMap((family) => this.#list(nl.RTM_GETADDR, [addressHeader(family, 0, 0, linkIndex)]))
      .map(decodeAddress)
      .filter((one) => linkIndex === 0 || one.linkIndex === linkIndex);
  }

  /**
   * Adds an address that nobody on the node takes for a source by himself: of host scope, and in
   * IPv6, which has no such thing, deprecated from birth.
   */
  addAddress(linkIndex: number, address: string): NetlinkReply {
    return this.#request(
      nl.RTM_NEWADDR,
      nl.NLM_F_CREATE | nl.NLM_F_REPLACE,
      addressParts(linkIndex, address),
    );
  }

  deleteAddress(linkIndex: number, address: string): NetlinkReply {
    return this.#request(nl.RTM_DELADDR, 0, addressParts(linkIndex, address));
  }

  /** Routes of table local over a link. */
  localRoutes(linkIndex: number, family: Family): LocalRoute[] {
    const header = routeHeader(family, 0);
    const parts = [
      header,
      attributeU32(nl.RTA_OIF, linkIndex),
      attributeU32(nl.RTA_TABLE, nl.RT_TABLE_LOCAL),
    ];
    return this.#list(nl.RTM_GETROUTE, parts)
      .filter(({ body }) => body[7] === nl.RTN_LOCAL)
      .map(decodeRoute)
      .filter((route) => route.linkIndex === linkIndex);
  }

  /** A route to `address`, which is thereby local; replaces one of the same metric. */
  /**
   * Adds a route, or finds it there. In IPv4 it stands behind others for the same address, whoever
   * made them: to replace would hit the first, which may be another link's. In IPv6 it replaces one
   * of the same metric, beside which it would share its packets.
   */
  putLocalRoute(route: LocalRoute): NetlinkReply {
    const isV4 = familyOfAddress(route.address) === 4;
    const flags = nl.NLM_F_CREATE | (isV4 ? nl.NLM_F_APPEND : nl.NLM_F_REPLACE);
    return this.#request(nl.RTM_NEWROUTE, flags, routeParts(route));
  }

  deleteLocalRoute(route: LocalRoute): NetlinkReply {
    return this.#request(nl.RTM_DELROUTE, 0, routeParts(route));
  }

  /** The address from which this machine would send to `destination`; null without a route. */
  sourceTowards(destination: string): string | null {
    const bytes = addressBytes(destination);
    const { messages } = this.#request(nl.RTM_GETROUTE, 0, [
      Uint8Array.of(familyNumber(destination), bytes.length * 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      attribute(nl.RTA_DST, bytes),
    ]);
    const route = messages.find(({ type }) => type === nl.RTM_NEWROUTE);
    return route === undefined ? null : decodeRoute(route).source || null;
  }

  #request(type: number, flags: number, parts: readonly Uint8Array[]): NetlinkReply {
    this.#socket.open();
    return this.#socket.request(requestOf(type, flags, parts));
  }

  #list(type: number, parts: readonly Uint8Array[]): readonly NetlinkMessage[] {
    this.#socket.open();
    return this.#socket.dump(requestOf(type, 0, parts)).messages;
  }
}

function requestOf(type: number, flags: number, parts: readonly Uint8Array[]): NetlinkRequest {
  return { type, flags, body: joinBytes(parts) };
}

function linkHeader(index: number, flags: number, change = 0): Uint8Array {
  const header = new Uint8Array(nl.IFINFOMSG_BYTES);
  const view = viewOf(header);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return header;
}

function decodeLink({ body }: NetlinkMessage): Link {
  const view = viewOf(body);
  const attributes = decodeAttributes(body, nl.IFINFOMSG_BYTES);
  const info = decodeAttributes(attributes.get(nl.IFLA_LINKINFO) ?? new Uint8Array());
  const kind = readText(info.get(nl.IFLA_INFO_KIND));
  const data = decodeAttributes(info.get(nl.IFLA_INFO_DATA) ?? new Uint8Array());
  return {
    index: view.getInt32(4, true),
    name: readText(attributes.get(nl.IFLA_IFNAME)),
    kind,
    isUp: (view.getUint32(8, true) & nl.IFF_UP) !== 0,
    isMultiQueue: kind === "tun" && data.get(nl.IFLA_TUN_MULTI_QUEUE)?.[0] === 1,
    master: readU32(attributes.get(nl.IFLA_MASTER)),
  };
}

function addressHeader(family: number, prefix: number, scope: number, link: number): Uint8Array {
  const header = new Uint8Array(nl.IFADDRMSG_BYTES);
  header.set([family, prefix, 0, scope]);
  viewOf(header).setUint32(4, link, true);
  return header;
}

function addressParts(linkIndex: number, address: string): Uint8Array[] {
  const bytes = addressBytes(address);
  const isV4 = familyOfAddress(address) === 4;
  const scope = isV4 ? nl.RT_SCOPE_HOST : nl.RT_SCOPE_UNIVERSE;
  const lifetimes = new Uint8Array(nl.IFA_CACHEINFO_BYTES);
  viewOf(lifetimes).setUint32(4, FOREVER_SEC, true);
  return [
    addressHeader(familyNumber(address), bytes.length * 8, scope, linkIndex),
    attribute(nl.IFA_LOCAL, bytes),
    attribute(nl.IFA_ADDRESS, bytes),
    ...(isV4
      ? []
      : [
          attributeU32(nl.IFA_FLAGS, nl.IFA_F_NODAD | nl.IFA_F_NOPREFIXROUTE),
          attribute(nl.IFA_CACHEINFO, lifetimes),
        ]),
  ];
}

function decodeAddress({ body }: NetlinkMessage): LinkAddress {
  const attributes = decodeAttributes(body, nl.IFADDRMSG_BYTES);
  // IPv6 has no IFA_LOCAL; in IPv4 IFA_ADDRESS is the other end of a point-to-point link.
  const bytes = attributes.get(nl.IFA_LOCAL) ?? attributes.get(nl.IFA_ADDRESS);
  return {
    address: addressText(bytes),
    prefixLength: body[1]!,
    linkIndex: viewOf(body).getUint32(4, true),
    scope: body[3]!,
  };
}

function routeHeader(family: Family, prefix: number): Uint8Array {
  const scope = family === 4 ? nl.RT_SCOPE_HOST : nl.RT_SCOPE_UNIVERSE;
  const header = new Uint8Array(nl.RTMSG_BYTES);
  const number = family === 4 ? AF_INET : AF_INET6;
  if (prefix === 0) header.set([number, 0, 0, 0, nl.RT_TABLE_LOCAL]);
  else {
    const values = [nl.RT_TABLE_LOCAL, nl.RTPROT_KERNEL, scope, nl.RTN_LOCAL];
    header.set([number, prefix, 0, 0, ...values]);
  }
  return header;
}

function routeParts({ address, linkIndex, metric, source }: LocalRoute): Uint8Array[] {
  const bytes = addressBytes(address);
  return [
    routeHeader(familyOfAddress(address), bytes.length * 8),
    attribute(nl.RTA_DST, bytes),
    attributeU32(nl.RTA_OIF, linkIndex),
    attributeU32(nl.RTA_TABLE, nl.RT_TABLE_LOCAL),
    attributeU32(nl.RTA_PRIORITY, metric),
    ...(source === "" ? [] : [attribute(nl.RTA_PREFSRC, addressBytes(source))]),
  ];
}

function decodeRoute({ body }: NetlinkMessage): LocalRoute {
  const attributes = decodeAttributes(body, nl.RTMSG_BYTES);
  return {
    address: addressText(attributes.get(nl.RTA_DST)),
    linkIndex: readU32(attributes.get(nl.RTA_OIF)),
    metric: readU32(attributes.get(nl.RTA_PRIORITY)),
    source: addressText(attributes.get(nl.RTA_PREFSRC)),
  };
}

/** An address as this module writes it: equal ones are equal texts. */
export function canonicalAddress(address: string): string {
  return addressText(addressBytes(address));
}

function familyNumber(address: string): number {
  return familyOfAddress(address) === 4 ? AF_INET : AF_INET6;
}

export function addressBytes(address: string): Uint8Array {
  return familyOfAddress(address) === 4
    ? Uint8Array.from(address.split("."), Number)
    : ipv6Bytes(address);
}

function addressText(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  return bytes.length === 4 ? bytes.join(".") : ipv6Text(bytes);
}
