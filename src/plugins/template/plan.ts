/** What workers know of `template` lines. */

import type { TemplateNode } from "./go_template_nodes.ts";

export interface RecordTemplate {
  /** As it stands in the Corefile. */
  readonly text: string;
  readonly nodes: readonly TemplateNode[];
}

export interface TemplatePlan {
  /** Codes; CLASS_ANY and TYPE_ANY take every one. */
  readonly class: number;
  readonly type: number;
  readonly zones: readonly string[];
  /** Go regular expressions, the first that matches counts; none: every name matches. */
  readonly match: readonly string[];
  readonly answers: readonly RecordTemplate[];
  readonly additionals: readonly RecordTemplate[];
  readonly authorities: readonly RecordTemplate[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly reason: string } | null;
  /** Zones in which a name that matches nothing is left to others. */
  readonly fallthrough: readonly string[];
}
