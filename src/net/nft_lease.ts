/**
 * Lease kind `nft`: the addresses stay on a dummy link; what brings clients to us is a table of
 * nftables that belongs to a netlink socket (`flags owner`), and goes with it.
 *
 * Needs CAP_NET_ADMIN and no device, so it works in the container of node-cache's own manifest.
 * Nobody else can change or flush such a table. The kernel allows it since 5.12.
 */

import { EINVAL, ENOENT, EOPNOTSUPP, EPERM, errnoText } from "../sys/errno.ts";
import type { Kernel } from "../sys/kernel.ts";
import {
  NETLINK_NETFILTER,
  NFGENMSG_BYTES,
  NFNL_SUBSYS_NFTABLES,
  NFTA_TABLE_NAME,
  NFTA_TABLE_OWNER,
} from "../sys/netlink_layout.ts";
import { decodeAttributes, readBe32, readText } from "../sys/netlink_message.ts";
import { NetlinkSocket } from "../sys/netlink_socket.ts";
import { type Lease, NetError } from "./lease.ts";
import { getTableRequest, hookRequests, type StealTable, tableRequests } from "./nft_messages.ts";
import { PlainLink, type PlainLinkOptions } from "./plain_link.ts";
import { Rtnetlink } from "./rtnetlink.ts";
import { familyOfAddress } from "./settings.ts";

const TABLE_NAME = /^nodens-\d+$/;

export interface NftLeaseOptions extends PlainLinkOptions {
  /** DNS port on the addresses. */
  readonly port: number;
}

export class NftLease implements Lease {
  readonly kind = "nft";
  readonly #addresses: readonly string[];
  readonly #port: number;
  readonly #rtnetlink: Rtnetlink;
  readonly #link: PlainLink;
  /** Owner of the tables: never used by anything that could close it. */
  readonly #socket: NetlinkSocket;
  #tables: readonly StealTable[] = [];
  #isHooked = false;

  constructor(kernel: Kernel, options: NftLeaseOptions) {
    this.#addresses = options.addresses;
    this.#port = options.port;
    this.#rtnetlink = new Rtnetlink(kernel);
    this.#link = new PlainLink(this.#rtnetlink, options);
    this.#socket = new NetlinkSocket(kernel, NETLINK_NETFILTER);
  }

  async open(): Promise<void> {
    this.#openTables();
    this.#link.make();
  }

  async take(): Promise<void> {
    // Hooked first, while no address is local: a process of this machine that asks in the moment
    // between an address and its route has the address as its source, and only we can answer that.
    const isInert = this.#tables.every(({ withFib }) => withFib);
    if (isInert) this.#hook();
    await this.#link.put();
    this.#hook();
  }

  async drop(): Promise<void> {
    this.#release();
  }

  async isWhole(): Promise<boolean> {
    return this.#isHooked && this.#areTablesOurs() && this.#link.isWhole();
  }

  /** The link stays for another instance of this kind, which would lose its addresses. */
  async close(): Promise<void> {
    this.#release();
    if (!this.isHeldByOthers()) this.#link.remove();
    this.#rtnetlink.close();
  }

  /** Whether another instance has a table of this kind. */
  isHeldByOthers(): boolean {
    try {
      this.#socket.open();
      const own = `nodens-${this.#socket.portId}`;
      return this.#socket.dump(getTableRequest(0)).messages.some(({ body }) => {
        const attributes = decodeAttributes(body, NFGENMSG_BYTES);
        const name = readText(attributes.get(NFTA_TABLE_NAME));
        return TABLE_NAME.test(name) && name !== own && attributes.has(NFTA_TABLE_OWNER);
      });
    } catch {
      return false;
    } finally {
      if (this.#tables.length === 0) this.#socket.close();
    }
  }

  /** Makes the tables with their rules, which nothing leads to yet. @throws {NetError} */
  #openTables(): void {
    if (this.#tables.length > 0) return;
    try {
      this.#socket.open();
    } catch (error) {
      const message = `${(error as Error).message}: the kernel may lack nfnetlink`;
      throw new NetError("interface_add", message, { cause: error });
    }
    // Not the process's id: in containers all may be 1, and on one node they share nftables.
    const name = `nodens-${this.#socket.portId}`;
    const tables = ([4, 6] as const)
      .map((family) => ({
        family,
        name,
        addresses: this.#addresses.filter((address) => familyOfAddress(address) === family),
        port: this.#port,
        withFib: true,
      }))
      .filter(({ addresses }) => addresses.length > 0)
      .map((table) => this.#openTable(table));
    this.#tables = tables;
    if (this.#areTablesOurs()) return;
    this.#release();
    throw new NetError("interface_add", "Cannot own a table of nftables: Linux 5.12 is needed");
  }

  #hook(): void {
    if (!this.#areTablesOurs()) this.#release();
    this.#openTables();
    if (this.#isHooked) return;
    const { code } = this.#batch(this.#tables.flatMap(hookRequests));
    if (code < 0) throw failure("hook a table into nftables", code);
    this.#isHooked = true;
  }

  #openTable(wanted: StealTable): StealTable {
    let table = wanted;
    let { code } = this.#batch(tableRequests(table));
    if (code === -ENOENT) {
      // No nft_fib here. Without, the rules also match when others have deleted the address.
      table = { ...wanted, withFib: false };
      ({ code } = this.#batch(tableRequests(table)));
    }
    if (code >= 0) return table;
    this.#release();
    throw failure("make a table of nftables that goes with its owner", code);
  }

  #areTablesOurs(): boolean {
    if (this.#tables.length === 0) return false;
    return this.#tables.every(({ family, name }) => {
      const { code, messages } = this.#socket.request(getTableRequest(family, name));
      if (code < 0 || messages.length === 0) return false;
      const owner = decodeAttributes(messages[0]!.body, NFGENMSG_BYTES).get(NFTA_TABLE_OWNER);
      return readBe32(owner) === this.#socket.portId;
    });
  }

  #batch(requests: Parameters<NetlinkSocket["batch"]>[1]) {
    return this.#socket.batch(NFNL_SUBSYS_NFTABLES, requests);
  }

  #release(): void {
    this.#socket.close();
    this.#tables = [];
    this.#isHooked = false;
  }
}

function failure(action: string, code: number): NetError {
  const message = `Cannot ${action}: ${errnoText(code)}`;
  switch (-code) {
    case EPERM:
      return new NetError("interface_add", `${message}: give the process CAP_NET_ADMIN`);
    case EINVAL:
    case EOPNOTSUPP:
      return new NetError("interface_add", `${message}: Linux 5.12 is needed`);
    default:
      return new NetError("interface_add", `${message}: the kernel may lack nf_tables or nft_ct`);
  }
}
