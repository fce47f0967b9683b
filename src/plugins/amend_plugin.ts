/**
 * What a plugin is that changes an answer on its way out, whether it comes from the cache, an
 * upstream or a plugin: flags of the header, options.
 *
 * Lives in the data plane, on the way of every answer of a server block with such plugins.
 */

import type { Query } from "../wire/query.ts";

export interface AmendPlugin {
  /**
   * Hot path: changes the answer to `query` that stands at `target`, `length` bytes long, with
   * room for `limitBytes`, which is also what the client takes. Allocates nothing.
   *
   * @returns its length.
   */
  amend(
    query: Query,
    bytes: Uint8Array,
    view: DataView,
    target: number,
    length: number,
    limitBytes: number,
  ): number;
}
