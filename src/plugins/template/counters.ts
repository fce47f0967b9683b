/** What `template` counts. */

import { TYPE_INDEX, TYPE_LABELS, TYPES_KNOWN } from "../../handoff/metrics_memory.ts";
import type { PluginCounterDeclaration } from "../../handoff/plugin_counters.ts";
import { CLASS_ANY, CLASS_IN, className } from "../../wire/constants.ts";

/** Of a question. */
export interface MatchLabels extends Record<string, string> {
  readonly class: string;
  readonly type: string;
}

/** Of the template of a record, and of the rule that it is in. */
export interface FailureLabels extends Record<string, string> {
  readonly class: string;
  readonly type: string;
  readonly section: string;
  /** Its text. */
  readonly template: string;
}

export function matches(labels: MatchLabels): PluginCounterDeclaration {
  const name = "coredns_template_matches_total";
  return { name, help: "Counter of template regex matches.", scoped: "zone", labels };
}

export function templateFailures(labels: FailureLabels): PluginCounterDeclaration {
  const name = "coredns_template_template_failures_total";
  return { name, help: "Counter of go template failures.", scoped: "zone", labels };
}

export function recordFailures(labels: FailureLabels): PluginCounterDeclaration {
  const name = "coredns_template_rr_failures_total";
  return { name, help: "Counter of mis-templated RRs.", scoped: "zone", labels };
}

/** Label `class` of a rule for `code`: of other classes than IN, queries do not come here. */
export function countedClass(code: number): string {
  return className(code === CLASS_ANY ? CLASS_IN : code);
}

/** Label `type` of questions for `code`. */
export function countedType(code: number): string {
  return TYPE_LABELS[code < TYPES_KNOWN ? TYPE_INDEX[code]! : 0]!;
}
