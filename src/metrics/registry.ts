/**
 * Counters and gauges, and their text for Prometheus (format 0.0.4). It knows nothing of what is
 * counted: whoever makes a metric gives its name, its help and the values of its labels.
 */

import { assert } from "../std/assert.ts";

export type MetricType = "counter" | "gauge";

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

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export class Registry {
  readonly #metrics = new Map<string, Metric>();

  counter(options: MetricOptions): Counter {
    assert(options.name.endsWith("_total"), "the name of a counter ends in _total");
    const metric = this.#add("counter", options);
    return { add: (values = {}, by = 1) => metric.add(values, by) };
  }

  gauge(options: MetricOptions): Gauge {
    const metric = this.#add("gauge", options);
    return {
      set: (value, values = {}) => metric.set(values, value),
      clear: () => metric.clear(),
    };
  }

  /** All metrics in the order in which they were made; one without series is left out. */
  text(): string {
    return [...this.#metrics.values()].map((metric) => metric.text()).join("");
  }

  #add(type: MetricType, options: MetricOptions): Metric {
    assert(NAME.test(options.name), "the name of a metric is not valid");
    assert(!this.#metrics.has(options.name), "a metric of that name is there already");
    const metric = new Metric(type, options);
    this.#metrics.set(options.name, metric);
    return metric;
  }
}

/** A metric with its series; `{kind="tun"}` is the key of one, and empty without labels. */
class Metric {
  readonly #head: string;
  readonly #name: string;
  readonly #labels: readonly string[];
  readonly #series = new Map<string, number>();

  constructor(type: MetricType, { name, help, labels = [] }: MetricOptions) {
    for (const label of labels) assert(LABEL_NAME.test(label), "the name of a label is not valid");
    this.#name = name;
    this.#labels = labels;
    this.#head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  }

  add(values: LabelValues, by: number): void {
    assert(by >= 0, "a counter does not go down");
    const key = this.#keyOf(values);
    this.#series.set(key, (this.#series.get(key) ?? 0) + by);
  }

  set(values: LabelValues, value: number): void {
    this.#series.set(this.#keyOf(values), value);
  }

  clear(): void {
    this.#series.clear();
  }

  text(): string {
    if (this.#series.size === 0) return "";
    const lines = [...this.#series].map(
      ([key, value]) => `${this.#name}${key} ${formatValue(value)}\n`,
    );
    return this.#head + lines.join("");
  }

  #keyOf(values: LabelValues): string {
    const count = Object.keys(values).length;
    assert(count === this.#labels.length, "the labels are not those of the metric");
    if (count === 0) return "";
    const parts = this.#labels.map((label) => {
      assert(values[label] !== undefined, "the labels are not those of the metric");
      return `${label}="${escapeLabel(values[label])}"`;
    });
    return `{${parts.join(",")}}`;
  }
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
