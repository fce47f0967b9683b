/**
 * The addresses on a link that stays when the process is gone: a dummy, as node-cache has it.
 *
 * A link of that name that exists is used as it is. Deleted is only what is plainly for this
 * purpose (`isDisposable`); from a link that others need, as `lo`, the addresses alone are taken;
 * and a TUN device of that name is another instance's, whose addresses go with it.
 */

import { EEXIST, EOPNOTSUPP } from "../sys/errno.ts";
import type { NetlinkReply } from "../sys/netlink_socket.ts";
import { expectDone } from "./expect_done.ts";
import { HeldAddresses } from "./held_addresses.ts";
import { isDisposable, PLAIN_KINDS } from "./leftover_link.ts";
import type { NodeAddress } from "./node_address.ts";
import type { Link, Rtnetlink } from "./rtnetlink.ts";

export interface PlainLinkOptions {
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  /** Source of what this machine's processes send to us. Default: that of the default route. */
  readonly nodeAddress?: NodeAddress;
}

export class PlainLink {
  readonly #rtnetlink: Rtnetlink;
  readonly #name: string;
  readonly #held: HeldAddresses;
  /** Whether there is anything of ours: a link that was only looked at stays as it is. */
  #hasTouched = false;

  constructor(rtnetlink: Rtnetlink, options: PlainLinkOptions) {
    this.#rtnetlink = rtnetlink;
    this.#name = options.interfaceName;
    this.#held = new HeldAddresses(rtnetlink, options.addresses, options.nodeAddress);
  }

  /** Makes the link if there is none; no address yet. @throws {NetError} */
  make(): Link {
    const known = this.#rtnetlink.findLink(this.#name);
    if (known !== null) return known;
    let made: NetlinkReply | undefined;
    for (const kind of PLAIN_KINDS) {
      made = this.#rtnetlink.createLink(this.#name, kind);
      if (made.code !== -EOPNOTSUPP) break;
    }
    if (made!.code !== -EEXIST) {
      expectDone(made!, "interface_add", `make the link ${this.#name}`);
    }
    this.#hasTouched = true;
    return this.#rtnetlink.findLink(this.#name)!;
  }

  /** Makes everything that is missing. @throws {NetError} */
  async put(): Promise<void> {
    const link = this.make();
    this.#hasTouched = true;
    if (isDisposable(link, this.#rtnetlink)) this.#rtnetlink.withoutLinkLocal(link.index);
    expectDone(this.#rtnetlink.setUp(link.index), "interface_add", `set ${this.#name} up`);
    await this.#held.put(link.index);
  }

  isWhole(): boolean {
    const link = this.#rtnetlink.findLink(this.#name);
    return link !== null && this.#held.isWhole(link.index);
  }

  /** Takes the addresses away, and the link if it is good for nothing else. Never throws. */
  remove(): void {
    const link = this.#hasTouched ? this.#rtnetlink.findLink(this.#name) : null;
    this.#hasTouched = false;
    if (link === null || link.kind === "tun") return;
    // The addresses by themselves first: they are gone at once, and a link takes some 40 ms, in
    // the course of which clients that come anew would still find us, and lose what they ask.
    this.#held.remove(link.index);
    if (isDisposable(link, this.#rtnetlink)) this.#rtnetlink.deleteLink(link.index);
  }
}
