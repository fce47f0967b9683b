/**
 * `nodens status`: which addresses are taken over, by what, who answers, by which configuration,
 * and what is amiss.
 */

import { whichConfig, whoAnswers } from "../agent/probe.ts";
import type { ConfigNote } from "../handoff/config_note.ts";
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

/** Where nodens listens that takes over nothing. */
const LOOPBACK = "127.0.0.1";

/** Questions to an address, see agent/probe.ts. */
export interface StatusQuestions {
  whoAnswers(address: string, port: number): Promise<string | null>;
  whichConfig(address: string, port: number): Promise<ConfigNote | null>;
}

const QUESTIONS: StatusQuestions = {
  whoAnswers: (address, port) => whoAnswers(address, port, PROBE_TIMEOUT_MS),
  whichConfig: (address, port) => whichConfig(address, port, PROBE_TIMEOUT_MS),
};

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
  questions: StatusQuestions = QUESTIONS,
): Promise<number> {
  const status = await readStatus(options, tools);
  const { port } = options;
  const asked = status.addresses.map(async (one) => {
    return { ...one, answer: await questions.whoAnswers(one.address, port) };
  });
  const [addresses, configs] = await Promise.all([
    Promise.all(asked),
    configsAt([...status.addresses.map(({ address }) => address), LOOPBACK], port, questions),
  ]);
  const isGood = addresses.every(isWell);
  const result = { ok: isGood, ...status, addresses, configs };
  if (options.json) terminal.out(JSON.stringify(result, null, 2));
  else for (const line of describe(result)) terminal.out(line);
  return isGood ? EXIT_STOPPED : EXIT_FAILED;
}

/** Configurations in effect, each once: during a handover there are two. */
async function configsAt(
  addresses: readonly string[],
  port: number,
  questions: StatusQuestions,
): Promise<ConfigNote[]> {
  const asked = addresses.map((address) => questions.whichConfig(address, port));
  const found = (await Promise.all(asked)).filter((config) => config !== null);
  return [...new Map(found.map((config) => [JSON.stringify(config), config])).values()];
}

function isWell({ isLocal, drift, answer }: Answered): boolean {
  return !isLocal || (drift.length === 0 && answer !== null && answer !== "");
}

function describe(
  status: InterceptionStatus & {
    readonly addresses: readonly Answered[];
    readonly configs: readonly ConfigNote[];
  },
): string[] {
  const configs = status.configs.flatMap(describeConfig);
  return [...describeInterception(status, status.addresses), ...configs];
}

function describeConfig(config: ConfigNote): string[] {
  const { generation, loaded, sha512, failed, problem } = config;
  const times = failed === 1 ? "once" : `${failed} times`;
  return [
    `config   number ${generation}, in effect since ${loaded}, SHA512 ${sha512}`,
    ...(problem === "" ? [] : [`refused  ${problem} (refused ${times} in all)`]),
  ];
}

function describeInterception(
  { link, lease }: InterceptionStatus,
  addresses: readonly Answered[],
): string[] {
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
