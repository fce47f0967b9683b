/**
 * Pieces of the dashboard's queries. What the dashboard's variables choose is chosen here, once:
 * `$job`, and nodes by whatever label `$by` names. `instance` has a port, which is 9253 or 9353 by
 * where a metric comes from, so that a node is chosen without it.
 */

const CHOSEN = 'job=~"$job",$by=~"$node(:[0-9]+)?"';
/** CoreDNS' own metrics have the same names; those of a nodens are beside `nodens_workers`. */
const OURS = "and on (job, instance) nodens_workers";

/** The series of a metric, with further matchers. */
export function series(name: string, matchers = ""): string {
  return `${name}{${CHOSEN}${matchers === "" ? "" : `,${matchers}`}}`;
}

/** Series of a metric that CoreDNS has as well. */
export function ours(name: string, matchers = ""): string {
  return `(${series(name, matchers)} ${OURS})`;
}

/** How much a counter rises in a second. */
export function rate(name: string, matchers = ""): string {
  return `(rate(${series(name, matchers)}[$__rate_interval]) ${OURS})`;
}

/** How much it has risen in the time that is shown. */
export function increase(name: string, matchers = ""): string {
  return `(increase(${series(name, matchers)}[$__range]) ${OURS})`;
}

/** Of a counter that only nodens has, on whichever port. */
export function plainRate(name: string, matchers = ""): string {
  return `rate(${series(name, matchers)}[$__rate_interval])`;
}

/** @param by labels beside `le`, with commas. */
export function quantile(share: number, name: string, by = ""): string {
  const labels = by === "" ? "le" : `le, ${by}`;
  return `histogram_quantile(${share}, sum by (${labels}) (${rate(`${name}_bucket`)}))`;
}

/** Zero where there is nothing yet, such as failures of a server that has none. */
export function orZero(expression: string): string {
  return `(${expression} or vector(0))`;
}
