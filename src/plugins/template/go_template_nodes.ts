/**
 * A template of Go's text/template language, parsed: plain values, which a plan can carry from the
 * control plane, where go_template.ts makes them, to the workers, where go_template_run.ts runs
 * them.
 */

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly value: TemplateExpression }
  /** `$name := value`, or `$name = value` when it exists. */
  | {
      readonly kind: "set";
      readonly name: string;
      readonly isNew: boolean;
      readonly value: TemplateExpression;
    }
  | TemplateBranch;

/** `if`, `with` and `range`. */
export interface TemplateBranch {
  readonly kind: "if" | "with" | "range";
  /** `$index, $element := value`; without names all are "". */
  readonly indexName: string;
  readonly elementName: string;
  readonly value: TemplateExpression;
  readonly body: readonly TemplateNode[];
  readonly otherwise: readonly TemplateNode[];
}

export type TemplateExpression =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  /** `.` */
  | { readonly kind: "dot" }
  /** `$name`; "" is `$`, all data. */
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "field"; readonly of: TemplateExpression; readonly name: string }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly args: readonly TemplateExpression[];
    };

/** Functions that templates may call, with how many arguments at least and at most. */
export const TEMPLATE_FUNCTIONS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  and: [1, Number.POSITIVE_INFINITY],
  or: [1, Number.POSITIVE_INFINITY],
  not: [1, 1],
  eq: [2, Number.POSITIVE_INFINITY],
  ne: [2, 2],
  lt: [2, 2],
  le: [2, 2],
  gt: [2, 2],
  ge: [2, 2],
  len: [1, 1],
  index: [1, Number.POSITIVE_INFINITY],
  slice: [1, 3],
  print: [0, Number.POSITIVE_INFINITY],
  println: [0, Number.POSITIVE_INFINITY],
  printf: [1, Number.POSITIVE_INFINITY],
  parseInt: [3, 3],
  /** `.Meta "name"`: a method of the data. */
  Meta: [1, 1],
};
