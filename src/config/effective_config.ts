/**
 * The checked configuration as people and programs get to see it (`nodens config`), and the JSON
 * Schema of that. Not loaded by the server.
 */

import * as z from "zod/mini";
import { PLUGIN_NAMES } from "../plugins/registry.ts";
import { listenAddresses } from "./compile.ts";
import { type Config, configSchema } from "./config.ts";

const { shape } = configSchema.def.shape.servers.def.element;

/** Fields and plugins stand in this order in every output. */
const effectiveServer = z.object({
  name: shape.name,
  place: shape.place,
  serves: shape.serves,
  /** Where the server block listens, with every default. */
  addresses: z.array(z.string()).check(z.minLength(1)),
  plugins: z.object(inOrderOfExecution(shape.plugins.shape)),
});

const effectiveConfig = z.object({
  file: z.string(),
  servers: z.array(effectiveServer).check(z.minLength(1)),
});

export type EffectiveConfig = z.infer<typeof effectiveConfig>;

/** `config` with what follows from it, in a stable order of keys. */
export function effectiveConfigOf(config: Config): EffectiveConfig {
  const servers = config.servers.map((server) => ({
    ...server,
    addresses: [...listenAddresses(server)],
  }));
  return effectiveConfig.parse({ file: config.file, servers });
}

/** The JSON Schema (draft 2020-12) of `effectiveConfigOf`. */
export function effectiveConfigSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(effectiveConfig, {
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema, path }) => {
      const description = [unitOf(path), expectationOf(zodSchema)].filter((text) => text !== null);
      // zod's own name for what "pattern" says.
      if (jsonSchema.format === "ends_with") delete jsonSchema.format;
      if (description.length > 0) jsonSchema.description = description.join(": ");
    },
  });
  return {
    $schema: schema.$schema,
    title: "Effective configuration of nodens",
    ...schema,
  };
}

/** Names of settings end in their unit, as all names do here. */
const UNITS: readonly (readonly [ending: RegExp, unit: string])[] = [
  [/Ms(?:Min|Max)?$/, "milliseconds"],
  [/Sec(?:Min|Max)?$/, "seconds"],
  [/Bytes(?:Min|Max)?$/, "bytes"],
];

function unitOf(path: readonly (string | number)[]): string | null {
  const name = path.findLast((part) => typeof part === "string") ?? "";
  const isSetting = path.at(-2) === "properties" && path.at(-1) === name;
  const unit = UNITS.find(([ending]) => ending.test(String(name)))?.[1];
  return isSetting ? (unit ?? null) : null;
}

/** The messages of our schemas complete "expected ...": see plugins/values.ts. */
function expectationOf(schema: z.core.$ZodTypes): string | null {
  const error = schema._zod.def.error as unknown;
  const expected = typeof error === "function" ? (error as () => unknown)() : null;
  return typeof expected === "string" ? expected : null;
}

function inOrderOfExecution<Shape extends Record<string, z.core.$ZodType>>(plugins: Shape): Shape {
  const names: readonly string[] = PLUGIN_NAMES;
  const entries = Object.entries(plugins).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b));
  return Object.fromEntries(entries) as Shape;
}
