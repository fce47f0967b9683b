/** The Helm chart, rendered by {@link GoTemplates}. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { schemaProblems } from "../../support/json_schema.ts";
import { GoTemplates, isEmpty, TemplateError, type TemplateFunction } from "./go_template.ts";
import { type Manifests, parseManifests, ROOT } from "./manifests.ts";

export const CHART = join(ROOT, "deploy", "helm", "nodens");
const TEMPLATES = join(CHART, "templates");

type Values = Record<string, unknown>;

export interface RenderedChart {
  readonly manifests: Manifests;
  readonly notes: string;
}

export function readChart(name: string): Values {
  return parse(readFileSync(join(CHART, name), "utf8")) as Values;
}

/**
 * The chart's own values with those of the caller over them, as Helm merges: lists are replaced,
 * null takes a value away.
 */
export function mergeValues(own: Values, given: Values): Values {
  const merged = { ...own };
  for (const [key, value] of Object.entries(given)) {
    const old = merged[key];
    if (value === null) delete merged[key];
    else merged[key] = isMap(old) && isMap(value) ? mergeValues(old, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What values.schema.json has against the chart's values with these over them. */
export function valueProblems(given: Values): string[] {
  const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
  return schemaProblems(mergeValues(readChart("values.yaml"), given), schema);
}

/** @throws {Error} on values that the schema refuses, and on templates that cannot be rendered. */
export function renderChart(given: Values = {}, namespace = "kube-system"): RenderedChart {
  const problems = valueProblems(given);
  if (problems.length > 0) throw new Error(`Cannot render with these values: ${problems}`);
  const chart = readChart("Chart.yaml");
  const root = {
    Values: mergeValues(readChart("values.yaml"), given),
    Chart: { Name: chart["name"], Version: chart["version"], AppVersion: chart["appVersion"] },
    Release: { Name: "nodens", Namespace: namespace, Service: "Helm" },
  };
  const templates = new GoTemplates(FUNCTIONS);
  const files = readdirSync(TEMPLATES).sort();
  for (const file of files) templates.add(file, readFileSync(join(TEMPLATES, file), "utf8"));
  const texts = files
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => templates.render(file, root));
  return {
    manifests: parseManifests(texts.join("\n---\n")),
    notes: templates.render("NOTES.txt", root),
  };
}

/** Of Helm's functions, those that the chart uses. */
const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  and: (values) => values.find((value) => isEmpty(value)) ?? values.at(-1),
  or: (values) => values.find((value) => !isEmpty(value)) ?? values.at(-1),
  not: ([value]) => isEmpty(value),
  eq: ([a, b]) => a === b,
  ne: ([a, b]) => a !== b,
  list: (values) => values,
  concat: (lists) => lists.flatMap((list) => list as unknown[]),
  join: ([separator, list]) => (list as unknown[]).join(String(separator)),
  default: ([fallback, value]) => (isEmpty(value) ? fallback : value),
  quote: ([value]) => JSON.stringify(String(value)),
  fail: ([message]) => {
    throw new TemplateError(String(message));
  },
  toYaml: ([value]) => stringify(value).trimEnd(),
  nindent: ([count, text]) => `\n${indent(Number(count), String(text))}`,
};

function indent(count: number, text: string): string {
  return text.replace(/^/gm, " ".repeat(count));
}
