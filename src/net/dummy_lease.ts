/**
 * Lease kinds `socket` and `none`: the addresses stay on a dummy link until we take them away.
 *
 * With `socket` the rules see to it that pods reach kube-dns when we are gone: they exempt from
 * connection tracking only what meets an open socket. With `none` nothing does, as in node-cache.
 */

import type { Commands } from "../sys/commands.ts";
import type { Kernel } from "../sys/kernel.ts";
import { type Lease, NetError } from "./lease.ts";
import { PlainLink, type PlainLinkOptions } from "./plain_link.ts";
import { Rtnetlink } from "./rtnetlink.ts";
import { type Family, familyOfAddress } from "./settings.ts";

const RESTORE_PROGRAMS: Readonly<Record<Family, string>> = {
  4: "iptables-restore",
  6: "ip6tables-restore",
};
const SOCKET_RULE = "*raw\n-A PREROUTING -m socket --nowildcard -j NOTRACK\nCOMMIT\n";

export interface DummyLeaseOptions extends PlainLinkOptions {
  readonly kind: "socket" | "none";
  /** Asks iptables whether it and the kernel know `-m socket`. */
  readonly commands: Commands;
}

export class DummyLease implements Lease {
  readonly kind: "socket" | "none";
  readonly #families: ReadonlySet<Family>;
  readonly #commands: Commands;
  readonly #rtnetlink: Rtnetlink;
  readonly #link: PlainLink;

  constructor(kernel: Kernel, options: DummyLeaseOptions) {
    this.kind = options.kind;
    this.#families = new Set(options.addresses.map(familyOfAddress));
    this.#commands = options.commands;
    this.#rtnetlink = new Rtnetlink(kernel);
    this.#link = new PlainLink(this.#rtnetlink, options);
  }

  async open(): Promise<void> {
    if (this.kind === "socket") {
      for (const family of this.#families) await this.#expectSocketMatch(family);
    }
    this.#link.make();
  }

  async take(): Promise<void> {
    await this.#link.put();
  }

  async drop(): Promise<void> {
    this.#link.remove();
  }

  async isWhole(): Promise<boolean> {
    return this.#link.isWhole();
  }

  /** Nothing tells whose the addresses are: two instances need -skipteardown, as in node-cache. */
  isHeldByOthers(): boolean {
    return false;
  }

  async close(): Promise<void> {
    this.#link.remove();
    this.#rtnetlink.close();
  }

  async #expectSocketMatch(family: Family): Promise<void> {
    const program = RESTORE_PROGRAMS[family];
    const words = ["--noflush", "--test"];
    const { code, stderr } = await this.#commands.run(program, words, { input: SOCKET_RULE });
    if (code === 0) return;
    const why = stderr.trim().split("\n")[0] || `exit code ${code}`;
    const way = 'the kernel may lack the module: "modprobe xt_socket" on the node';
    throw new NetError("iptables", `Cannot match sockets by ${program}: ${why}: ${way}`);
  }
}
