// Hot path.
/**
 * The queries of one batch of datagrams, read before the first of them is handled.
 *
 * With a million names in the cache, what a hit waits for is memory: its bucket, then its entry.
 * Looked up one query after the other, these waits add up. So the buckets of all queries of a batch
 * are touched first, then the entries that they point to, and the processor waits for many lines at
 * a time.
 */

import type { Cache } from "../cache/cache.ts";
import { UDP_BATCH } from "../limits.ts";
import { Query } from "../wire/query.ts";

export class QueryBatch {
  readonly queries: Query[] = [];
  /** What `readQuery` said of each. */
  readonly codes = new Uint8Array(UDP_BATCH);
  /** The scope of each, or NO_SCOPE. */
  readonly scopes = new Int32Array(UDP_BATCH);
  /** The hash of each one's key in the cache. */
  readonly hashes = new Int32Array(UDP_BATCH);
  /** Sum of all that was touched: nobody wants it, but without it nothing would be read. */
  touched = 0;

  constructor() {
    for (let row = 0; row < UDP_BATCH; row++) this.queries.push(new Query());
  }

  /** Brings what the first `count` queries will look at closer to the processor. */
  touch(cache: Cache, count: number): void {
    const { hashes } = this;
    let sum = 0;
    for (let row = 0; row < count; row++) sum = (sum + cache.touchBucket(hashes[row])) | 0;
    for (let row = 0; row < count; row++) sum = (sum + cache.touchEntry(hashes[row])) | 0;
    this.touched = sum;
  }
}
