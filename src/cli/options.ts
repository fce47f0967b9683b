/** The options of the server under their first address. */
export type { NodeCacheOptions, RunAgent, RunOptions } from "../config/run_options.ts";
