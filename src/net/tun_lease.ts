/**
 * Lease kind `tun`: the addresses live on a TUN device that exists only while somebody holds it.
 *
 * Nothing is ever read from the device or written to it: packets for a local address never get
 * there. It is a link whose life ends with a descriptor, and so with the process, whatever ends
 * that. Several instances can hold the same one (IFF_MULTI_QUEUE); it goes with the last.
 *
 * **A link of that name that node-cache left** (a dummy) may hold the addresses, and somebody may
 * still answer there, so `open` leaves it alone and makes the device under another name. `take`
 * puts the addresses on the device first, then deletes the old link, then renames the device: the
 * addresses are local all the time. A link that is neither a device of ours nor such a leftover is
 * an error; nobody's `eth0` or `cni0` is ever deleted.
 */

import { mkdirSync, readdirSync } from "node:fs";
import { posix } from "node:path";
import type { ControlKernel } from "../sys/control_kernel.ts";
import { E2BIG, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, errnoText } from "../sys/errno.ts";
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TUN,
  IFNAMSIZ,
  IFREQ_BYTES,
  IFREQ_FLAGS,
  O_RDWR,
  SOCK_NONBLOCK,
  TUNSETIFF,
  TUNSETPERSIST,
} from "../sys/layout.ts";
import { readText, viewOf } from "../sys/netlink_message.ts";
import { expectDone } from "./expect_done.ts";
import { HeldAddresses } from "./held_addresses.ts";
import { type Lease, NetError } from "./lease.ts";
import { isDisposable } from "./leftover_link.ts";
import type { NodeAddress } from "./node_address.ts";
import { Rtnetlink } from "./rtnetlink.ts";

const TUN_MAJOR = 10;
const TUN_MINOR = 200;
const DEVICE_PATH = "/dev/net/tun";
/** For as long as a leftover has our name; the kernel puts a number in. */
const INTERIM_NAME = "nodens%d";

export interface TunLeaseOptions {
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  /** Source of what this machine's processes send to us. Default: that of the default route. */
  readonly nodeAddress?: NodeAddress;
  /** Where the device node is or is made. @default {"/dev/net/tun"} */
  readonly devicePath?: string;
}

export class TunLease implements Lease {
  readonly kind = "tun";
  readonly #kernel: ControlKernel;
  readonly #rtnetlink: Rtnetlink;
  readonly #name: string;
  readonly #devicePath: string;
  readonly #held: HeldAddresses;
  #fd = -1;
  #linkIndex = 0;

  constructor(kernel: ControlKernel, options: TunLeaseOptions) {
    this.#kernel = kernel;
    this.#name = options.interfaceName;
    this.#devicePath = options.devicePath ?? DEVICE_PATH;
    this.#rtnetlink = new Rtnetlink(kernel);
    this.#held = new HeldAddresses(this.#rtnetlink, options.addresses, options.nodeAddress);
  }

  async open(): Promise<void> {
    this.#open();
  }

  async take(): Promise<void> {
    // A link that others deleted leaves a descriptor behind that is good for nothing.
    if (this.#rtnetlink.findLink(this.#linkIndex) === null) this.#release();
    this.#open();
    expectDone(this.#rtnetlink.setUp(this.#linkIndex), "interface_add", `set ${this.#name} up`);
    await this.#held.put(this.#linkIndex);
    await this.#takeName();
  }

  async drop(): Promise<void> {
    this.#release();
  }

  async isWhole(): Promise<boolean> {
    return this.#fd >= 0 && this.#held.isWhole(this.#linkIndex);
  }

  async close(): Promise<void> {
    this.#release();
    this.#rtnetlink.close();
  }

  /** Whether another instance keeps the device, and with it the addresses. */
  isHeldByOthers(): boolean {
    const link = this.#rtnetlink.findLink(this.#fd < 0 ? this.#name : this.#linkIndex);
    if (link?.kind !== "tun") return false;
    return this.#fd < 0 || queueCount(link.name) > 1;
  }

  #open(): void {
    if (this.#fd >= 0) return;
    const fd = this.#openDevice();
    try {
      this.#linkIndex = this.#attach(fd, this.#nameToAsk());
    } catch (error) {
      this.#kernel.close(fd);
      throw error;
    }
    this.#fd = fd;
    // Fails where the kernel has no IPv6; then there is no such address either.
    this.#rtnetlink.withoutLinkLocal(this.#linkIndex);
    expectDone(this.#rtnetlink.setUp(this.#linkIndex), "interface_add", `set ${this.#name} up`);
  }

  #release(): void {
    if (this.#fd >= 0) this.#kernel.close(this.#fd);
    this.#fd = -1;
    this.#linkIndex = 0;
  }

  #openDevice(): number {
    const path = this.#devicePath;
    let fd = this.#kernel.open(path, O_RDWR | SOCK_NONBLOCK);
    if (fd === -ENOENT) {
      this.#makeDevice();
      fd = this.#kernel.open(path, O_RDWR | SOCK_NONBLOCK);
    }
    if (fd >= 0) return fd;
    const way =
      fd === -ENODEV || fd === -ENXIO
        ? 'the kernel lacks the module: "modprobe tun" on the node'
        : "the container's runtime does not allow the device: mount it, or run privileged";
    throw new NetError("interface_add", `Cannot open ${path}: ${errnoText(fd)}: ${way}`);
  }

  /** Containers have an empty /dev/net, and the right to make device nodes. */
  #makeDevice(): void {
    const path = this.#devicePath;
    const fail = (why: string, cause?: unknown) => {
      const way = "mount it into the container, or leave CAP_MKNOD to it";
      throw new NetError("interface_add", `Cannot make ${path}: ${why}: ${way}`, { cause });
    };
    try {
      // Not recursive: below /proc, Node would try for ever.
      mkdirSync(posix.dirname(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") fail((error as Error).message, error);
    }
    const code = this.#kernel.makeCharacterDevice(path, TUN_MAJOR, TUN_MINOR);
    if (code < 0) fail(errnoText(code));
  }

  /** Our name, or one for the time being where a leftover has it. @throws {NetError} */
  #nameToAsk(): string {
    const link = this.#rtnetlink.findLink(this.#name);
    if (link === null || link.kind === "tun") return this.#name;
    if (isDisposable(link, this.#rtnetlink)) return INTERIM_NAME;
    throw new NetError(
      "interface_check",
      `Cannot use the interface ${link.name}: it is ${link.kind || "hardware"}, not ours: ` +
        "choose another name by -interfacename",
    );
  }

  /** Makes the device, or joins those who hold it. @returns the link's index. */
  #attach(fd: number, name: string): number {
    const request = new Uint8Array(IFREQ_BYTES);
    request.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
    viewOf(request).setUint16(IFREQ_FLAGS, IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE, true);
    const code = this.#kernel.ioctl(fd, TUNSETIFF, request);
    if (code < 0) {
      const why = `${errnoText(code)}${attachAdvice(code)}`;
      throw new NetError("interface_add", `Cannot make the TUN device ${this.#name}: ${why}`);
    }
    // One that somebody made to stay would outlive us.
    this.#kernel.ioctl(fd, TUNSETPERSIST, null);
    const actual = readText(request.subarray(0, IFNAMSIZ));
    const link = this.#rtnetlink.findLink(actual);
    if (link !== null) return link.index;
    throw new NetError("interface_check", `Cannot find ${actual}: it was deleted at once`);
  }

  /** Deletes a leftover that has our name, and takes the name. */
  async #takeName(): Promise<void> {
    const link = this.#rtnetlink.findLink(this.#name);
    if (link !== null && link.index !== this.#linkIndex) {
      if (!isDisposable(link, this.#rtnetlink)) return;
      const deleted = this.#rtnetlink.deleteLink(link.index);
      expectDone(deleted, "interface_add", `delete the link ${this.#name} that was left over`);
    }
    if (link?.index === this.#linkIndex) return;
    const action = `name the TUN device ${this.#name}`;
    const renamed = this.#rtnetlink.rename(this.#linkIndex, this.#name);
    if (renamed.code !== -EBUSY) {
      expectDone(renamed, "interface_add", action);
      return;
    }
    // Kernels before 6.2 rename only what is down, which costs the IPv6 addresses.
    this.#rtnetlink.setDown(this.#linkIndex);
    expectDone(this.#rtnetlink.rename(this.#linkIndex, this.#name), "interface_add", action);
    expectDone(this.#rtnetlink.setUp(this.#linkIndex), "interface_add", `set ${this.#name} up`);
    await this.#held.put(this.#linkIndex);
  }
}

/** One per descriptor; netlink tells only how many there may be. 0 where sysfs is not mounted. */
function queueCount(name: string): number {
  try {
    return readdirSync(`/sys/class/net/${name}/queues`).filter((one) => one.startsWith("rx-"))
      .length;
  } catch {
    return 0;
  }
}

function attachAdvice(code: number): string {
  switch (-code) {
    case EPERM:
      return ": give the process CAP_NET_ADMIN";
    case EBUSY:
    case EINVAL:
      return ": another program holds it for itself: end that, or choose another -interfacename";
    case E2BIG:
      return ": too many instances hold it: end some";
    default:
      return "";
  }
}
