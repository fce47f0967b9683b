/** `nodens status`: which addresses are taken over, by what, who answers, and what is amiss. */

import { whoAnswers } from "../agent/probe.ts";
import {
  type AddressStatus,
  type InterceptionStatus,
  readStatus,
} from "../net/interception_status.ts";
import { type LeftoverTools, systemTools } from "../net/leftovers.ts";
import type { StatusOptions } from "./status_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED } from "./usage_error.ts";

const PROBE_TIMEOUT_MS = 1000;

/** Asks an address who answers there, see `whoAnswers`. */
export type Ask = (address: string, port: number) => Promise<string | null>;

/** An address, and who answers there: its own words, "" for a stranger, null for nobody. */
type Answered = AddressStatus & { readonly answer: string | null };

/**
 * Prints what there is; returns 1 when a local address lacks a rule or is not answered by nodens,
 * and 0 otherwise.
 *
 * @throws {NetError} when iptables cannot be read.
 */
export async function statusCommand(
  options: StatusOptions,
  terminal: Terminal,
  tools: LeftoverTools = systemTools(),
  ask: Ask = (address, port) => whoAnswers(address, port, PROBE_TIMEOUT_MS),
): Promise<number> {
  const status = await readStatus(options, tools);
  const addresses = await Promise.all(
    status.addresses.map(async (one) => ({ ...one, answer: await ask(one.address, options.port) })),
  );
  const isGood = addresses.every(isWell);
  if (options.json) terminal.out(JSON.stringify({ ok: isGood, ...status, addresses }, null, 2));
  else for (const line of describe(status, addresses)) terminal.out(line);
  return isGood ? EXIT_STOPPED : EXIT_FAILED;
}

function isWell({ isLocal, drift, answer }: Answered): boolean {
  return !isLocal || (drift.length === 0 && answer !== null && answer !== "");
}

function describe({ link, lease }: InterceptionStatus, addresses: readonly Answered[]): string[] {
  if (link === null && addresses.length === 0) return ["nothing is taken over on this node"];
  const where =
    link === null ? "no link" : `${link.name} (${link.kind}, ${link.isUp ? "up" : "down"})`;
  return [
    `lease    ${lease ?? "none in force"}, ${where}`,
    ...addresses.flatMap((address) => [
      `address  ${address.address}: ${describeAddress(address)}`,
      ...address.drift.map((text) => `drift    ${address.address}: ${text}`),
    ]),
  ];
}

function describeAddress(address: Answered): string {
  const { isLocal, presentCount, wantedCount, fallback, answer } = address;
  const leftOver = isLocal || presentCount === 0 ? "" : ", left over";
  const parts = [
    isLocal ? "local" : "not local",
    `${presentCount} of ${wantedCount} rules${leftOver}`,
    ...(fallback.length === 0 ? [] : [`falls back to ${fallback.join(", ")}`]),
    describeAnswer(answer),
  ];
  return parts.join("; ");
}

function describeAnswer(answer: string | null): string {
  if (answer === null) return "nobody answers";
  if (answer === "") return "answered by somebody else";
  const field = (name: string) => new RegExp(`${name}=(\\S+)`).exec(answer)?.[1] ?? "?";
  return `answered by nodens ${field("version")} (instance ${field("instance")})`;
}
