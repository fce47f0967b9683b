/** Names under which PTR records of addresses are asked for (RFC 1035 §3.5, RFC 3596 §2.5). */

import { isIPv4 } from "node:net";
import { formatIpAddress } from "../../std/ip_address.ts";

const IPV4_ZONE = ".in-addr.arpa.";
const IPV6_NAME = /^((?:[0-9a-f]\.){32})ip6\.arpa\.$/;

/**
 * The address, canonical, that a name in small letters stands for; null for all other names.
 *
 * @example addressOfReverseName("1.2.0.192.in-addr.arpa.") // "192.0.2.1"
 */
export function addressOfReverseName(name: string): string | null {
  if (name.endsWith(IPV4_ZONE)) {
    const address = name.slice(0, -IPV4_ZONE.length).split(".").reverse().join(".");
    return isIPv4(address) ? address : null;
  }
  const digits = IPV6_NAME.exec(name)?.[1];
  if (digits === undefined) return null;
  const nibbles = digits.replaceAll(".", "").split("").reverse();
  const bytes = Uint8Array.from({ length: 16 }, (_, at) =>
    Number.parseInt(`${nibbles[2 * at]}${nibbles[2 * at + 1]}`, 16),
  );
  return formatIpAddress(bytes);
}
