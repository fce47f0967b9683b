/** What workers know of `header` directives: bits of the header's flags. */

export interface FlagChange {
  readonly set: number;
  readonly clear: number;
}

export interface HeaderPlan {
  readonly query: FlagChange;
  readonly response: FlagChange;
}
