/**
 * Checks manifests against the API of Kubernetes 1.13 as its OpenAPI description has it, for what
 * is to run on versions that {@link typeProblems} knows nothing of. A field that is not there is an
 * error, which kubectl 1.13 says too and the API server does not.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Manifest, ROOT } from "./manifests.ts";

const FILE = join(ROOT, "dist", "kubernetes-api", "1.13", "lib", "specs", "swagger-1.13.json.gz");

/** The part of a schema that such descriptions use. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly "x-kubernetes-group-version-kind"?: readonly {
    readonly group: string;
    readonly kind: string;
    readonly version: string;
  }[];
}

type Definitions = Readonly<Record<string, Schema>>;

/** What does not fit, as `PATH: what`; empty when all does. */
export function swaggerProblems(manifest: Manifest): string[] {
  const definitions = readDefinitions();
  const { apiVersion, kind } = manifest;
  const schema = Object.values(definitions).find((one) =>
    one["x-kubernetes-group-version-kind"]?.some(
      ({ group, version, kind: name }) =>
        name === kind && (group === "" ? version : `${group}/${version}`) === apiVersion,
    ),
  );
  if (schema === undefined) return [`${apiVersion} ${kind}: no such object`];
  return problems(manifest, schema, kind, definitions);
}

let known: Definitions | null = null;

function readDefinitions(): Definitions {
  if (!existsSync(FILE)) {
    throw new Error(`Cannot find ${FILE}: run need_kubernetes_apis of hack/lib.sh`);
  }
  known ??= JSON.parse(gunzipSync(readFileSync(FILE)).toString("utf8")).definitions as Definitions;
  return known;
}

function problems(value: unknown, schema: Schema, path: string, all: Definitions): string[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/definitions/", "");
    return problems(value, all[name] as Schema, path, all);
  }
  if (!hasType(value, schema)) return [`${path}: not ${schema.format ?? schema.type}`];
  if (Array.isArray(value)) {
    return value.flatMap((one, index) =>
      problems(one, schema.items as Schema, `${path}[${index}]`, all),
    );
  }
  if (typeof value !== "object" || value === null) return [];
  const missing = (schema.required ?? []).filter((key) => !Object.hasOwn(value, key));
  return [
    ...missing.map((key) => `${path}.${key}: missing`),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const field = schema.properties?.[key] ?? schema.additionalProperties;
      if (field !== undefined) return problems(inner, field, `${path}.${key}`, all);
      return [`${path}.${key}: no such field`];
    }),
  ];
}

function hasType(value: unknown, { type, format, properties }: Schema): boolean {
  if (format === "int-or-string") return typeof value === "string" || Number.isInteger(value);
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return typeof value === type;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    default:
      // An object; those with fields mostly leave the type out.
      assertObjectLike(type, properties);
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function assertObjectLike(type: string | undefined, properties: Schema["properties"]): void {
  if (type === "object" || properties !== undefined) return;
  throw new Error(`Cannot check a value of type ${type}: it is not known here`);
}
