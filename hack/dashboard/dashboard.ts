/**
 * Writes deploy/grafana/nodens.json, the dashboard for Grafana 9 and later: `npm run fmt`. Its
 * panels are listed in the rows beside this file; nobody edits the JSON.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { layOut, type Row } from "./panel.ts";
import { CONFIGURATION, INTERCEPTION, LOAD, PLUGINS } from "./rows_of_process.ts";
import { CACHE, CONNECTIONS, GLANCE, LATENCY, QUERIES, UPSTREAMS } from "./rows_of_service.ts";

export const ROWS: readonly Row[] = [
  ...[GLANCE, QUERIES, LATENCY, CACHE, UPSTREAMS, CONNECTIONS],
  ...[INTERCEPTION, LOAD, CONFIGURATION, PLUGINS],
];

/** Labels that may tell nodes apart: `instance` always does, others by how pods are scraped. */
const NODE_LABELS = ["instance", "node", "pod", "kubernetes_node"];
/** Of the panels that Grafana 9 knows. */
const SCHEMA_VERSION = 37;
const ALL = ".*";

/** What Grafana imports. */
export function dashboard(): object {
  return {
    uid: "nodens",
    title: "nodens",
    description: "Node-local DNS cache: answers, cache, upstreams, interception, process",
    tags: ["dns", "nodens"],
    ...{ editable: true, graphTooltip: 1, schemaVersion: SCHEMA_VERSION, version: 1 },
    ...{ refresh: "1m", time: { from: "now-3h", to: "now" }, timezone: "" },
    annotations: { list: [] },
    links: [],
    templating: { list: variables() },
    panels: layOut(ROWS),
  };
}

function variables(): object[] {
  const datasource = { type: "prometheus", uid: "$datasource" };
  const query = (name: string, label: string, text: string, regex: string) => ({
    ...{ name, label, type: "query", datasource, definition: text, hide: 0 },
    query: { query: text, refId: `variable-${name}` },
    ...{ regex, refresh: 2, sort: 1, multi: true, includeAll: true, allValue: ALL },
    current: { selected: true, text: ["All"], value: ["$__all"] },
    options: [],
  });
  const options = NODE_LABELS.map((value, index) => ({
    ...{ text: value, value, selected: index === 0 },
  }));
  return [
    {
      ...{ name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus" },
      ...{ regex: "", refresh: 1, multi: false, includeAll: false, hide: 0, options: [] },
    },
    query("job", "Job", 'label_values({__name__=~"nodens_workers|nodens_intercepting"}, job)', ""),
    {
      ...{ name: "by", label: "Nodes by label", type: "custom", query: NODE_LABELS.join() },
      ...{ multi: false, includeAll: false, hide: 0, options },
      current: { text: "instance", value: "instance", selected: true },
    },
    // Without its port: 9253 and 9353 are one node.
    query(
      "node",
      "Node",
      'label_values(nodens_workers{job=~"$job"}, $by)',
      "/^(.+?)(?::[0-9]+)?$/",
    ),
  ];
}

/** The same as biome would write it. @throws {Error} when biome cannot be run. */
function formatted(value: object, path: string): string {
  const biome = join(import.meta.dirname, "../../node_modules/.bin/biome");
  const input = JSON.stringify(value);
  const run = spawnSync(biome, ["format", `--stdin-file-path=${path}`], {
    ...{ input, encoding: "utf8" },
  });
  if (run.status !== 0) throw new Error(`Cannot format ${path} with biome: ${run.stderr}`);
  return run.stdout;
}

if (import.meta.main) {
  const path = join(import.meta.dirname, "../../deploy/grafana/nodens.json");
  const text = formatted(dashboard(), path);
  let before = "";
  try {
    before = readFileSync(path, "utf8");
  } catch {
    // It is not there yet.
  }
  if (text !== before) {
    writeFileSync(path, text);
    process.stdout.write("updated deploy/grafana/nodens.json\n");
  }
}
