/** What workers know of a `chaos` directive. */

export interface ChaosPlan {
  readonly version: string;
  readonly authors: readonly string[];
  /** The name of the machine. */
  readonly hostname: string;
}
