/** What workers know of `template` lines. */

import type { TemplateNode } from "./go_template_nodes.ts";

export interface TemplatePlan {
  /** Codes; CLASS_ANY and TYPE_ANY take every one. */
  readonly class: number;
  readonly type: number;
  readonly zones: readonly string[];
  /** Go regular expressions, the first that matches counts; none: every name matches. */
  readonly match: readonly string[];
  readonly answers: readonly (readonly TemplateNode[])[];
  readonly additionals: readonly (readonly TemplateNode[])[];
  readonly authorities: readonly (readonly TemplateNode[])[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly reason: string } | null;
  /** Zones in which a name that matches nothing is left to others. */
  readonly fallthrough: readonly string[];
}
