/** Addresses with a common beginning: `10.0.0.0/8`. */

import { parseIpAddress } from "../../std/ip_address.ts";

const BYTE_BITS = 8;

export class AddressRange {
  readonly #bytes: Uint8Array;
  readonly #bits: number;

  private constructor(bytes: Uint8Array, bits: number) {
    this.#bytes = bytes;
    this.#bits = bits;
  }

  /** @returns null when the text is no prefix. */
  static parse(text: string): AddressRange | null {
    const [, address, bitsText] = /^([^/]+)\/([0-9]{1,3})$/.exec(text) ?? [];
    const bytes = address === undefined ? null : parseIpAddress(address);
    const bits = Number(bitsText);
    if (bytes === null || bits > bytes.length * BYTE_BITS) return null;
    return new AddressRange(bytes, bits);
  }

  /** @param address with or without brackets; what is no address is in no range. */
  holds(address: string): boolean {
    const bytes = parseIpAddress(address.replace(/^\[(.*)\]$/, "$1"));
    if (bytes?.length !== this.#bytes.length) return false;
    const whole = this.#bits >> 3;
    for (let at = 0; at < whole; at++) if (bytes[at] !== this.#bytes[at]) return false;
    const rest = this.#bits % BYTE_BITS;
    if (rest === 0) return true;
    return ((bytes[whole] ^ this.#bytes[whole]) & (0xff << (BYTE_BITS - rest))) === 0;
  }
}
