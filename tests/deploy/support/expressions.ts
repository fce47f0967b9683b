/** What is in the dashboard and in the rule file, as tests look at it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

export const DEPLOY = join(import.meta.dirname, "../../../deploy");
export const RULES_PATH = join(DEPLOY, "alerts/nodens.rules.yaml");
export const DASHBOARD_PATH = join(DEPLOY, "grafana/nodens.json");

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface DashboardQuery {
  /** Row, panel and query. */
  readonly place: string;
  readonly panel: string;
  readonly row: string;
  readonly expression: string;
}

interface PanelJson {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface DashboardJson {
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly { name: string; query: unknown }[] };
}

export function readRules(): readonly Rule[] {
  const { groups } = parse(readFileSync(RULES_PATH, "utf8")) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function readDashboard(): DashboardJson {
  return JSON.parse(readFileSync(DASHBOARD_PATH, "utf8")) as DashboardJson;
}

export function dashboardQueries(): readonly DashboardQuery[] {
  let row = "";
  return readDashboard().panels.flatMap(({ type, title, targets = [] }) => {
    if (type === "row") row = title;
    const panel = `${row}: ${title}`;
    return targets.map(({ expr, legendFormat }) => ({
      ...{ place: `${panel}: ${legendFormat}`, panel, row, expression: expr },
    }));
  });
}

/** Metrics that a text names; those of histograms as they are scraped, with `_bucket`. */
export function metricNamesIn(text: string): readonly string[] {
  const names = text.match(/(?<![\w:])(?:coredns|nodens|process)_[a-z0-9_]+|nodens:[a-z0-9_:]+/g);
  return [...new Set(names ?? [])];
}
