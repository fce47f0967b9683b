/** What a driver is told to make, as values that fit into JSON. */

import type { Lease } from "../../../src/net/lease.ts";
import { TunLease } from "../../../src/net/tun_lease.ts";
import type { ControlKernel } from "../../../src/sys/control_kernel.ts";

export interface LeaseOrder {
  readonly kind: "tun";
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  readonly devicePath?: string;
}

export function makeLease(kernel: ControlKernel, order: LeaseOrder): Lease {
  return new TunLease(kernel, order);
}
