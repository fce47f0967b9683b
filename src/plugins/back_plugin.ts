/**
 * What a plugin is that stands behind the cache: it answers a question that the cache has no answer
 * to, before any upstream is asked. What it says is cached like the reply of an upstream.
 *
 * Lives in the data plane; plain code on whole messages. Called once per question, however many
 * clients ask it.
 */

import type { PluginCounter } from "../handoff/plugin_counters.ts";
import type { DnsMessage } from "../wire/message.ts";
import type { Request } from "./front_plugin.ts";

export interface BackPlugin {
  /**
   * @returns the answer (`flags` with FLAG_AA if it is to be called authoritative), or null when
   * the next plugin is to be asked.
   */
  answer(request: Request): DnsMessage | null;
}

/** What plugins of both stages know of the server block they are in. */
export interface StageContext {
  /** Zones of the server block, normalised. */
  readonly zones: readonly string[];
  /** A whole number from 0 to below `limit`, at random. */
  readonly randomBelow: (limit: number) => number;
  /**
   * A counter that the plugin's setup has declared, for whatever query is being handled. To be
   * asked for once, when the plugin is made. One that was not declared counts nothing.
   */
  readonly counter: (name: string, labels?: Readonly<Record<string, string>>) => PluginCounter;
}
