/**
 * Writes deploy/alerts/nodens.prometheusrule.yaml, for the Prometheus operator, of
 * deploy/alerts/nodens.rules.yaml, for Prometheus itself: `npm run fmt`.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const FOLDER = join(import.meta.dirname, "../deploy/alerts");
export const RULES_PATH = join(FOLDER, "nodens.rules.yaml");
export const MANIFEST_PATH = join(FOLDER, "nodens.prometheusrule.yaml");

const HEAD = `# Made of nodens.rules.yaml by hack/prometheus_rule.ts (npm run fmt): change that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: nodens
  namespace: kube-system
  labels:
    app.kubernetes.io/name: nodens
spec:
`;

/**
 * The manifest: the rules' own text, indented below `spec`, without what the file says of itself.
 */
export function prometheusRule(rules: string): string {
  const body = rules.replace(/^(?:#.*\n)+/, "");
  return HEAD + body.replace(/^(?=.)/gm, "  ");
}

if (import.meta.main) {
  writeFileSync(MANIFEST_PATH, prometheusRule(readFileSync(RULES_PATH, "utf8")));
  process.stdout.write("wrote deploy/alerts/nodens.prometheusrule.yaml\n");
}
