/** Which kind of lease is to be had here: the first that can be opened. */

import type { Commands } from "../sys/commands.ts";
import type { ControlKernel } from "../sys/control_kernel.ts";
import { DummyLease } from "./dummy_lease.ts";
import { type Lease, NetError } from "./lease.ts";
import { NftLease } from "./nft_lease.ts";
import type { NodeAddress } from "./node_address.ts";
import { type InterceptSettings, LEASE_KINDS, type LeaseKind } from "./settings.ts";
import { TunLease } from "./tun_lease.ts";

export interface LeaseEnvironment {
  readonly kernel: ControlKernel;
  readonly commands: Commands;
  /** Source of what this machine's processes send to us. Default: that of the default route. */
  readonly nodeAddress?: NodeAddress;
  /** @default {"/dev/net/tun"} */
  readonly devicePath?: string;
}

export interface ChosenLease {
  /** Open already. */
  readonly lease: Lease;
  /** The kinds before it, and why they could not be had: for the log. */
  readonly refused: readonly { readonly kind: LeaseKind; readonly reason: string }[];
}

/**
 * Opens the first kind that works, or the one that is asked for.
 *
 * @throws {NetError} when the one that is asked for, or the last one, cannot be had.
 */
export async function chooseLease(
  settings: InterceptSettings,
  environment: LeaseEnvironment,
): Promise<ChosenLease> {
  if (!settings.setupInterface) return { lease: FOREIGN_LINK, refused: [] };
  const kinds = settings.lease === "auto" ? LEASE_KINDS : [settings.lease];
  const refused: { kind: LeaseKind; reason: string }[] = [];
  for (const [index, kind] of kinds.entries()) {
    const lease = makeLease(kind, settings, environment);
    try {
      await lease.open();
      return { lease, refused };
    } catch (error) {
      if (!(error instanceof NetError) || index === kinds.length - 1) throw error;
      await lease.close();
      refused.push({ kind, reason: error.message });
    }
  }
  throw new Error("Cannot choose a lease: there are no kinds");
}

/** A lease that has yet to be opened. */
export function makeLease(
  kind: LeaseKind,
  settings: InterceptSettings,
  { kernel, commands, nodeAddress, devicePath }: LeaseEnvironment,
): Lease {
  const { interfaceName, addresses, port } = settings;
  const common = { interfaceName, addresses, ...(nodeAddress && { nodeAddress }) };
  switch (kind) {
    case "tun":
      return new TunLease(kernel, { ...common, ...(devicePath && { devicePath }) });
    case "nft":
      return new NftLease(kernel, { ...common, port });
    default:
      return new DummyLease(kernel, { ...common, kind, commands });
  }
}

/** Where somebody else makes link and addresses, they are his to take away. */
const FOREIGN_LINK: Lease = {
  kind: "none",
  open: async () => {},
  take: async () => {},
  drop: async () => {},
  isWhole: async () => true,
  isHeldByOthers: () => false,
  close: async () => {},
};
