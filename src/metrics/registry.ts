/**
 * Counters, gauges and histograms, and their text for Prometheus (format 0.0.4). It knows nothing
 * of what is counted: whoever makes a metric gives its name, its help and the values of its labels.
 *
 * A metric is either kept here (`counter()`, `gauge()`, `histogram()`) or collected when it is
 * asked for (`collect()`), from whoever counts it.
 */

import { assert } from "../std/assert.ts";

export type MetricType = "counter" | "gauge" | "histogram";

/** Values by label name; the names are those that the metric was made with. */
export type LabelValues = Readonly<Record<string, string>>;

export interface MetricOptions {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`; that of a counter ends in `_total`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  /** Names of its labels. @default {[]} */
  readonly labels?: readonly string[];
}

export interface Counter {
  /** @param by 0 makes a series visible before anything happened. @default {1} */
  add(values?: LabelValues, by?: number): void;
}

export interface Gauge {
  set(value: number, values?: LabelValues): void;
  /** Forgets all series, so that a label's former values are gone. */
  clear(): void;
}

export interface Histogram {
  observe(value: number, values?: LabelValues): void;
}

/** One series of a counter or gauge, or of a histogram. */
export type Sample = { readonly labels: LabelValues } & (
  | { readonly value: number }
  /** What is in each bucket, +Inf included, and not in those before. */
  | { readonly buckets: ArrayLike<number>; readonly sum: number }
);

/** A metric as it is at one moment. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** Upper bounds of the buckets of a histogram, without +Inf. */
  readonly bounds?: readonly number[];
  readonly samples: readonly Sample[];
}

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export class Registry {
  readonly #names = new Set<string>();
  readonly #collectors: (() => readonly Family[])[] = [];

  counter(options: MetricOptions): Counter {
    assert(options.name.endsWith("_total"), "the name of a counter ends in _total");
    const metric = this.#add(options);
    const values = new Map<string, { readonly labels: LabelValues; value: number }>();
    this.#collectors.push(() => [{ ...metric, type: "counter", samples: [...values.values()] }]);
    return {
      add: (labels = {}, by = 1) => {
        assert(by >= 0, "a counter does not go down");
        seriesOf(values, metric.labels, labels, (ordered) => ({
          labels: ordered,
          value: 0,
        })).value += by;
      },
    };
  }

  gauge(options: MetricOptions): Gauge {
    const metric = this.#add(options);
    const values = new Map<string, { readonly labels: LabelValues; value: number }>();
    this.#collectors.push(() => [{ ...metric, type: "gauge", samples: [...values.values()] }]);
    return {
      set: (value, labels = {}) => {
        seriesOf(values, metric.labels, labels, (ordered) => ({ labels: ordered, value })).value =
          value;
      },
      clear: () => values.clear(),
    };
  }

  /** @param bounds of the buckets, rising, without +Inf. */
  histogram(options: MetricOptions, bounds: readonly number[]): Histogram {
    const metric = this.#add(options);
    const series = new Map<string, { labels: LabelValues; buckets: number[]; sum: number }>();
    this.#collectors.push(() => [
      { ...metric, type: "histogram", bounds, samples: [...series.values()] },
    ]);
    return {
      observe: (value, labels = {}) => {
        const found = seriesOf(series, metric.labels, labels, (ordered) => ({
          labels: ordered,
          buckets: new Array<number>(bounds.length + 1).fill(0),
          sum: 0,
        }));
        const bucket = bounds.findIndex((bound) => value <= bound);
        found.buckets[bucket < 0 ? bounds.length : bucket]! += 1;
        found.sum += value;
      },
    };
  }

  /** Metrics that somebody else counts, asked for with every text. */
  collect(collector: () => readonly Family[]): void {
    this.#collectors.push(collector);
  }

  /** All metrics in the order in which they were made; one without series is left out. */
  text(): string {
    return this.#collectors.flatMap((collector) => collector().map(familyText)).join("");
  }

  #add({ name, help, labels = [] }: MetricOptions) {
    assert(NAME.test(name), "the name of a metric is not valid");
    assert(!this.#names.has(name), "a metric of that name is there already");
    for (const label of labels) assert(LABEL_NAME.test(label), "the name of a label is not valid");
    this.#names.add(name);
    return { name, help, labels };
  }
}

/** Text of one metric; empty without series. */
export function familyText({ name, help, type, bounds = [], samples }: Family): string {
  if (samples.length === 0) return "";
  const lines = [`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`];
  for (const sample of samples) {
    const labels = labelsText(sample.labels);
    if ("value" in sample) lines.push(`${name}${braced(labels)} ${formatValue(sample.value)}\n`);
    else lines.push(histogramText(name, labels, bounds, sample));
  }
  return lines.join("");
}

function histogramText(
  name: string,
  labels: string,
  bounds: readonly number[],
  { buckets, sum }: { readonly buckets: ArrayLike<number>; readonly sum: number },
): string {
  let text = "";
  let count = 0;
  for (let index = 0; index <= bounds.length; index++) {
    count += buckets[index] ?? 0;
    const bound = formatValue(bounds[index] ?? Number.POSITIVE_INFINITY);
    text += `${name}_bucket{${labels}${labels === "" ? "" : ","}le="${bound}"} ${count}\n`;
  }
  const shown = braced(labels);
  return `${text}${name}_sum${shown} ${formatValue(sum)}\n${name}_count${shown} ${count}\n`;
}

/** The series of `values`, which must be those of the metric; made the first time. */
function seriesOf<Series>(
  all: Map<string, Series>,
  names: readonly string[],
  values: LabelValues,
  make: (ordered: LabelValues) => Series,
): Series {
  const isRight =
    Object.keys(values).length === names.length &&
    names.every((name) => Object.hasOwn(values, name));
  assert(isRight, "the labels are not those of the metric");
  const key = JSON.stringify(names.map((name) => values[name]));
  let series = all.get(key);
  if (series === undefined) {
    series = make(Object.fromEntries(names.map((name) => [name, values[name]!])));
    all.set(key, series);
  }
  return series;
}

function labelsText(labels: LabelValues): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(",");
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
