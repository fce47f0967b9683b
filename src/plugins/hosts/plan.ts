/** What workers know of a `hosts` directive. */

export interface HostsPlan {
  readonly zones: readonly string[];
  /** One text in place of thousands of objects: see hosts_text.ts. */
  readonly entries: string;
  readonly ttlSec: number;
  readonly reverse: boolean;
  readonly fallthrough: readonly string[];
  readonly fallthroughUnsupported: boolean;
}
