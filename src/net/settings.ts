/** What interception is asked to do: plain values, all defaults filled in. */

/**
 * What makes the kernel give an address back when the process is gone.
 *
 * - `tun`: the address lives on a TUN device that is not persistent; it goes with the descriptor.
 * - `nft`: NOTRACK lives in an nftables table with `flags owner`; it goes with the netlink socket.
 * - `socket`: NOTRACK matches only while a socket listens (`-m socket`); pods only.
 * - `none`: nothing does, as in node-cache; the address lives on a dummy link.
 */
export type LeaseKind = "tun" | "nft" | "socket" | "none";

/** In the order in which they are tried. */
export const LEASE_KINDS: readonly LeaseKind[] = ["tun", "nft", "socket", "none"];

export type Family = 4 | 6;

/** A DNS server that a packet can be sent on to. */
export interface Endpoint {
  /** Canonical, without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface InterceptSettings {
  /** Addresses to take over, canonical; both families may stand side by side. */
  readonly addresses: readonly string[];
  /** DNS port on those addresses. Default 53. */
  readonly port: number;
  /** Link that holds the addresses. Default `nodelocaldns`. */
  readonly interfaceName: string;
  /** Whether to make link and addresses; false where somebody else does. */
  readonly setupInterface: boolean;
  readonly setupIptables: boolean;
  /** Port of the health check, which is exempt from connection tracking, too. Default 8080. */
  readonly healthPort: number;
  /** Between full checks of everything, ms. Default 60,000. */
  readonly syncIntervalMs: number;
  /** Leave rules (and a dummy link) at exit. */
  readonly skipTeardown: boolean;
  /** `auto` takes the first of LEASE_KINDS that works. */
  readonly lease: "auto" | LeaseKind;
  /** Leave the DNAT rules of addresses that no Service backs after a clean stop. */
  readonly keepFallback: boolean;
  /** Where those lead; empty is "find out". */
  readonly fallback: readonly Endpoint[];
  /** Headless Service whose addresses those are; null is none. */
  readonly fallbackService: string | null;
}

export function familyOfAddress(address: string): Family {
  return address.includes(":") ? 6 : 4;
}
