/**
 * The checked configuration: plain data that says what a Corefile means, with all defaults written
 * out. Nothing downstream looks at Corefile text again.
 */

import * as z from "zod/mini";
import { PLUGINS, type PluginName } from "../plugins/registry.ts";
import { place, wholeNumber, zone } from "../plugins/values.ts";

const serverAddress = z.object({
  zone,
  port: wholeNumber(0, "a port from 0", 65535),
});

/** One server block. */
const serverConfig = z.object({
  /** First key as written, environment variables replaced. */
  name: z.string().check(z.minLength(1)),
  place,
  /** Zones and ports of all keys, each once. */
  serves: z.array(serverAddress).check(z.minLength(1)),
  /** Settings of the plugins that the block uses. */
  plugins: z.object(pluginSchemas()),
});

export const configSchema = z.object({
  /** The Corefile that all came from. */
  file: z.string(),
  servers: z.array(serverConfig).check(z.minLength(1)),
});

/** The settings of every plugin, each optional. */
type PluginSchemas = {
  [Name in PluginName]: z.ZodMiniOptional<(typeof PLUGINS)[Name]["schema"]>;
};

function pluginSchemas(): PluginSchemas {
  const entries = Object.entries(PLUGINS).map(([name, { schema }]) => [name, z.optional(schema)]);
  // The registry pairs each name with its schema.
  return Object.fromEntries(entries) as PluginSchemas;
}

export type Config = z.infer<typeof configSchema>;
export type ServerConfig = Config["servers"][number];
