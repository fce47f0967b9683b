/** What rows of the dashboard are made of, and the JSON that Grafana imports. */

/** A query, and how its series are called: `{{label}}`, or `__auto` for what tells them apart. */
export type Query = readonly [expression: string, legend: string];

export interface Panel {
  readonly title: string;
  /** For who looks at it: what is good, what is not, and what to do then. */
  readonly says: string;
  readonly queries: readonly Query[];
  /** Of Grafana. Default `short`. */
  readonly unit?: string;
  /** One number, lines over time, or a table of what is there now. Default `lines`. */
  readonly kind?: "number" | "lines" | "table";
  /** Of 24. Default 8; 4 for a number. */
  readonly width?: number;
  /** From where on a number is yellow and red; the other way round if the first is greater. */
  readonly bounds?: readonly [yellow: number, red: number];
  readonly stacked?: boolean;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const COLUMNS = 24;
const NUMBER_HEIGHT = 4;
const LINES_HEIGHT = 8;
const DATASOURCE = { type: "prometheus", uid: "$datasource" };

/** Panels of all rows, one row below the other. */
export function layOut(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  let id = 0;
  let y = 0;
  for (const { title, panels: inside } of rows) {
    panels.push(rowJson(title, ++id, y++));
    let x = 0;
    let height = 0;
    for (const panel of inside) {
      const isNumber = panel.kind === "number";
      const w = panel.width ?? (isNumber ? 4 : 8);
      const h = isNumber ? NUMBER_HEIGHT : LINES_HEIGHT;
      if (x + w > COLUMNS) {
        y += height;
        x = height = 0;
      }
      panels.push(panelJson(panel, ++id, { x, y, w, h }));
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return panels;
}

function rowJson(title: string, id: number, y: number): object {
  const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
  return { id, type: "row", title, collapsed: false, gridPos, panels: [] };
}

function panelJson(panel: Panel, id: number, gridPos: Place): object {
  const { title, says: description, queries, kind = "lines" } = panel;
  const isNow = kind !== "lines";
  const targets = queries.map(([expr, legendFormat], index) => ({
    refId: String.fromCharCode("A".charCodeAt(0) + index),
    datasource: DATASOURCE,
    ...{ editorMode: "code", expr, legendFormat },
    ...(isNow ? { instant: true, range: false } : { instant: false, range: true }),
    ...(kind === "table" ? { format: "table" } : {}),
  }));
  const of = { number: numberJson, lines: linesJson, table: tableJson }[kind](panel);
  return { id, title, description, datasource: DATASOURCE, gridPos, targets, ...of };
}

function numberJson({ unit = "short", bounds }: Panel): object {
  return {
    type: "stat",
    fieldConfig: {
      defaults: { unit, thresholds: thresholds(bounds), color: { mode: "thresholds" } },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      ...{ orientation: "auto", textMode: "auto", colorMode: "value", graphMode: "none" },
      justifyMode: "auto",
    },
  };
}

function linesJson({ unit = "short", stacked = false }: Panel): object {
  const custom = {
    ...{ drawStyle: "line", lineWidth: 1, fillOpacity: stacked ? 30 : 0, showPoints: "never" },
    ...{ spanNulls: false, stacking: { mode: stacked ? "normal" : "none", group: "A" } },
  };
  return {
    type: "timeseries",
    fieldConfig: {
      defaults: { unit, min: 0, color: { mode: "palette-classic" }, custom },
      overrides: [],
    },
    options: {
      legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
      tooltip: { mode: "multi", sort: "desc" },
    },
  };
}

function tableJson({ unit = "short" }: Panel): object {
  return {
    type: "table",
    fieldConfig: { defaults: { unit }, overrides: [] },
    options: { showHeader: true },
    transformations: [{ id: "organize", options: { excludeByName: { Time: true } } }],
  };
}

function thresholds(bounds: Panel["bounds"]): object {
  if (bounds === undefined) {
    return { mode: "absolute", steps: [{ color: "green", value: null }] };
  }
  const [yellow, red] = bounds;
  const steps =
    yellow < red
      ? [
          { color: "green", value: null },
          { color: "yellow", value: yellow },
          { color: "red", value: red },
        ]
      : [
          { color: "red", value: null },
          { color: "yellow", value: red },
          { color: "green", value: yellow },
        ];
  return { mode: "absolute", steps };
}
