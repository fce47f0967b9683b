// Hot path.
/**
 * Stops the program at a broken invariant: a programmer error, never bad input.
 */

/**
 * @param text a literal, so that a passing check costs a compare and nothing else.
 * @throws {Error} when `condition` is false.
 */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}
