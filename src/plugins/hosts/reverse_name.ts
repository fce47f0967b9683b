/** The name under which PTR records of an address are asked for (RFC 1035 §3.5, RFC 3596 §2.5). */

const IPV4_BYTES = 4;

/** @param address 4 or 16 bytes in network order. */
export function reverseName(address: Uint8Array): string {
  if (address.length === IPV4_BYTES) return `${address.toReversed().join(".")}.in-addr.arpa.`;
  let name = "";
  for (const byte of address.toReversed()) {
    name += `${(byte & 0x0f).toString(16)}.${(byte >> 4).toString(16)}.`;
  }
  return `${name}ip6.arpa.`;
}
