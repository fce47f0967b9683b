/** What workers know of `search_cut` directives. */

export interface SearchCutPlan {
  readonly cuts: readonly {
    readonly zones: readonly string[];
    /** `*.` in front stands for one label. */
    readonly below: readonly string[];
    readonly names: readonly string[];
  }[];
}
