/**
 * Patches as `kubectl apply` and `kubectl rollout undo` send them: strategic merge (lists of
 * objects are merged by a key) and merge (RFC 7386).
 */

type Json = Record<string, unknown>;

/** Lists of objects that are merged, by the field that tells their items apart. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  imagePullSecrets: "name",
  initContainers: "name",
  ports: "port",
  volumeMounts: "mountPath",
  volumes: "name",
};

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Json = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else merged[field] = mergePatch(merged[field], value);
  }
  return merged;
}

export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  if (patch["$patch"] === "replace") return withoutDirectives(patch);
  const merged: Json = isObject(target) ? { ...target } : {};
  const kept = patch["$retainKeys"] as string[] | undefined;
  if (kept !== undefined) {
    for (const field of Object.keys(merged)) if (!kept.includes(field)) delete merged[field];
  }
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith("$")) continue;
    if (value === null) delete merged[field];
    else if (field in MERGE_KEYS && isListOfObjects(value)) {
      merged[field] = mergeLists(merged[field], value, mergeKeyOf(field, value));
    } else merged[field] = strategicMergePatch(merged[field], value);
  }
  for (const [field, order] of Object.entries(patch)) {
    const name = field.replace("$setElementOrder/", "");
    if (name !== field) sort(merged[name], order as unknown[], MERGE_KEYS[name] ?? "");
  }
  return merged;
}

function mergeLists(target: unknown, patch: readonly Json[], key: string): unknown[] {
  let merged = [...((target as Json[] | undefined) ?? [])];
  for (const item of patch) {
    const index = merged.findIndex((known) => known[key] === item[key]);
    if (item["$patch"] === "delete") merged = merged.filter((_, at) => at !== index);
    else if (index < 0) merged.push(withoutDirectives(item));
    else merged[index] = strategicMergePatch(merged[index], item) as Json;
  }
  return merged;
}

/** Ports of containers have no `port`. */
function mergeKeyOf(field: string, items: readonly Json[]): string {
  return field === "ports" && items.some((item) => "containerPort" in item)
    ? "containerPort"
    : (MERGE_KEYS[field] as string);
}

function sort(list: unknown, order: readonly unknown[], key: string): void {
  if (!isListOfObjects(list)) return;
  const wanted = order.map((item) =>
    isObject(item) ? (item[key] ?? item["containerPort"]) : item,
  );
  const place = (item: Json) => wanted.indexOf(item[key] ?? item["containerPort"]);
  list.sort((a, b) => place(a) - place(b));
}

function withoutDirectives(patch: Json): Json {
  return Object.fromEntries(Object.entries(patch).filter(([field]) => !field.startsWith("$")));
}

function isListOfObjects(value: unknown): value is Json[] {
  return Array.isArray(value) && value.every(isObject);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
