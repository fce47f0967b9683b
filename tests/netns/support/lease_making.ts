/** What a driver is told to make, as values that fit into JSON. */

import { chooseLease, makeLease } from "../../../src/net/choose_lease.ts";
import type { Lease } from "../../../src/net/lease.ts";
import type { InterceptSettings, LeaseKind } from "../../../src/net/settings.ts";
import { systemCommands } from "../../../src/sys/commands.ts";
import type { ControlKernel } from "../../../src/sys/control_kernel.ts";

export interface LeaseOrder {
  readonly interfaceName: string;
  readonly addresses: readonly string[];
  /** With `choose` the one to open is chosen. */
  readonly kind: LeaseKind | "choose";
  /** @default {5300} */
  readonly port?: number;
  readonly devicePath?: string;
  /** @default {true} */
  readonly setupInterface?: boolean;
  /** Plays a kernel that does not know this expression of nftables. */
  readonly unknownExpression?: string;
}

/** What is called by name in `lease_driver.ts`. */
export interface LeaseSubject extends Lease {
  /** The kind that was chosen, and what was not. */
  choose?(): Promise<unknown>;
}

export function orderedLease(kernel: ControlKernel, order: LeaseOrder): LeaseSubject {
  const { interfaceName, addresses, kind, port = 5300, setupInterface = true } = order;
  const settings: InterceptSettings = {
    addresses,
    port,
    interfaceName,
    setupInterface,
    setupIptables: true,
    healthPort: 8080,
    syncIntervalMs: 60_000,
    skipTeardown: false,
    lease: kind === "choose" ? "auto" : kind,
    keepFallback: false,
    fallback: [],
    fallbackService: null,
  };
  const devicePath = order.devicePath ?? "/dev/net/tun";
  const { unknownExpression } = order;
  const environment = {
    kernel: unknownExpression === undefined ? kernel : without(kernel, unknownExpression),
    commands: systemCommands,
    devicePath,
  };
  return kind === "choose"
    ? chosen(() => chooseLease(settings, environment))
    : makeLease(kind, settings, environment);
}

/** A lease that comes to be with `choose`. */
function chosen(choose: () => ReturnType<typeof chooseLease>): LeaseSubject {
  const subject = {
    choose: async () => {
      const { lease, refused } = await choose();
      for (const method of ["take", "drop", "isWhole", "isHeldByOthers", "close"] as const) {
        subject[method] = () => lease[method]() as never;
      }
      return { kind: lease.kind, refused };
    },
  } as unknown as LeaseSubject;
  return subject;
}

/** Spells the expression in a way that no kernel knows, in everything that is sent. */
function without(kernel: ControlKernel, expression: string): ControlKernel {
  const memory = Buffer.from(kernel.slab.buffer);
  return {
    ...kernel,
    write: (fd, buffer, lengthBytes) => {
      for (let at = memory.indexOf(`${expression}\0`); at >= 0; ) {
        memory.write("?", at);
        at = memory.indexOf(`${expression}\0`, at);
      }
      return kernel.write(fd, buffer, lengthBytes);
    },
  };
}
