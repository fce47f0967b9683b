/**
 * The shape that every plugin has towards the configuration.
 *
 * A plugin's folder holds a manual page (`README.md`), `setup.ts` with one `PluginSetup`, and what
 * the plugin does. The configuration reader knows plugins by this interface alone; a plugin sees
 * its own directives, never those of others.
 */

import type * as z from "zod/mini";
import type { Directive } from "../config/parser.ts";
import type { Problems } from "../config/problem.ts";
import type { ConfigSource } from "../config/source.ts";
import type { TimeoutsPlan, ViewPlan } from "../handoff/plan.ts";
import type { PluginCounterDeclaration } from "../handoff/plugin_counters.ts";

export interface PluginSetup<Settings> {
  /** The directive. */
  readonly name: string;
  /** Place in the chain, by `pluginOrder(name)`. */
  readonly order: number;
  /** What checked settings look like; the JSON Schema of the plugin comes from it. */
  readonly schema: z.ZodMiniType<Settings>;
  /**
   * Reads all directives of this name in one server block, in the order of the file.
   *
   * Whatever is wrong goes to `context.problems`; the settings returned are then not used.
   */
  parse(directives: readonly Directive[], context: SetupContext): Settings;
  /** Counters of the plugin's own, see handoff/plugin_counters.ts. */
  counters?(settings: Settings): readonly PluginCounterDeclaration[];
  /** What there is to know of the settings themselves, for metrics. */
  gauges?(settings: Settings): readonly PluginGauge[];
  /** Adds what checked settings mean to the plan of the server block. */
  contribute(settings: Settings, view: ViewDraft): void;
  /** Whether a file that it reads is followed though the Corefile has no `reload`. Default not. */
  followsFile?(settings: Settings): boolean;
}

/** A metric of one server block; those of one name make one value. */
export type PluginGauge =
  | { readonly name: string; readonly help: string /** Added up. */; readonly value: number }
  | {
      readonly name: string;
      readonly help: string;
      /** The value is when this was last something else, in seconds since 1970. */
      readonly changeOf: string;
    };

/** What a plugin may know while it reads its directives. */
export interface SetupContext {
  /** Zones of the server block, normalised. */
  readonly zones: readonly string[];
  readonly problems: Problems;
  readonly source: ConfigSource;
}

/** A `ViewPlan` in the making, and what the server block says of its listeners. */
export type ViewDraft = {
  -readonly [Key in Exclude<keyof ViewPlan, "id">]: ViewPlan[Key] extends readonly (infer Item)[]
    ? Item[]
    : ViewPlan[Key];
} & {
  /** Empty: all addresses of the machine. */
  addresses: string[];
  timeouts: Partial<TimeoutsPlan>;
};
