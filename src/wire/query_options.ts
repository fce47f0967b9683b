/** EDNS options in queries for upstreams. */

/**
 * Appends options to a message of `length` bytes at `message` that ends in an OPT without any.
 *
 * @returns its length with them.
 */
export function appendOptions(
  bytes: Uint8Array,
  view: DataView,
  message: number,
  length: number,
  options: Uint8Array,
): number {
  view.setUint16(message + length - 2, options.length);
  bytes.set(options, message + length);
  return length + options.length;
}
