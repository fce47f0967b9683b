/** What workers know of `acl` directives. */

export type AclAction = "allow" | "block" | "filter" | "drop";

export interface AclRulePlan {
  readonly zones: readonly string[];
  /** The first that fits counts; with none that does, the next `acl` is asked. */
  readonly policies: readonly AclPolicyPlan[];
}

export interface AclPolicyPlan {
  readonly action: AclAction;
  /** Codes; empty: every type. */
  readonly types: readonly number[];
  /** Canonical addresses and lengths of prefixes in bits; empty: everybody. */
  readonly nets: readonly { readonly address: string; readonly bits: number }[];
}
