/**
 * Plays a scenario: the real server on the simulated kernel, clients and upstreams from the script.
 *
 * A scenario holds when every expectation does and nothing is left over: no answer and no upstream
 * query that no step expected, no question without an answer, nothing pending in the server.
 */

import type { CounterName } from "../../src/handoff/counters.ts";
import * as errno from "../../src/sys/errno.ts";
import type { DnsRecord } from "../support/dns_message.ts";
import { hexBytes } from "../support/dns_rdata.ts";
import { SimServer } from "../support/sim_server.ts";
import type { CallName } from "../support/sim_system.ts";
import {
  durationMs,
  type Scenario,
  ScenarioError,
  type Step,
  StepWords,
} from "./parse_scenario.ts";
import { ScenarioClient } from "./scenario_client.ts";
import { parseEndpoint, ScenarioUpstream } from "./scenario_upstream.ts";

const TRANSCRIPT_LINES = 40;
/** Longer than any question waits. */
const END_MS = 6000;
const STEP_MS = 5;
const DNS_PORT = 53;
const SILENT = { lossRatio: 1 };

export interface RunOptions {
  /** Default 1. */
  readonly seed?: number;
}

/** @throws {ScenarioError} naming the line, with what was said before. */
export function runScenario(scenario: Scenario, options: RunOptions = {}): void {
  const run = new ScenarioRun(scenario, options.seed ?? 1);
  try {
    for (const step of scenario.steps) run.play(step);
    run.finish();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    error.message = [error.message, "what was said:", ...run.transcript].join("\n  ");
    throw error;
  }
}

class ScenarioRun {
  readonly transcript: string[] = [];
  readonly #scenario: Scenario;
  readonly #server: SimServer;
  readonly #startMs: number;
  readonly #clients = new Map<string, ScenarioClient[]>();
  readonly #upstreams = new Map<string, ScenarioUpstream>();
  #clientCount = 0;

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    this.#server = new SimServer({
      corefile: scenario.corefile,
      files: scenario.files,
      addresses: ["192.0.2.53", "2001:db8::53", ...scenario.addresses],
      seed,
    });
    this.#startMs = this.#server.sim.clock.nowMs;
    this.#addUpstreams();
    this.#server.settle();
  }

  play(step: Step): void {
    const [subject] = step.words;
    try {
      if (subject === "client") this.#playClient(step);
      else if (subject === "upstream") this.#playUpstream(step);
      else if (subject === "Corefile") this.#playCorefile(step);
      else this.#playOther(step);
    } catch (error) {
      if (error instanceof ScenarioError || !(error instanceof SyntaxError)) throw error;
      throw this.#error(step, error.message);
    }
    this.#server.settle();
  }

  /** Nothing may be left over, now or after all that could still happen has happened. */
  finish(): void {
    this.#expectNothingLeft();
    this.#server.pass(END_MS);
    this.#expectNothingLeft();
    for (const [what, count] of Object.entries(this.#server.leftOver)) {
      if (count !== 0) throw this.#endError(`${count} ${what} are left over in the server`);
    }
  }

  #playClient(step: Step): void {
    const [, name, verb, ...rest] = step.words as [string, string, string, ...string[]];
    const needed = verb === "asks" ? rest.slice(2) : rest;
    const words = new StepWords(step, this.#scenario.file, needed);
    const clients = this.#clientsOf(name, words);
    if (verb === "gets" && rest[0] !== "nothing") {
      this.#waitFor(words, () => clients.every(({ answers }) => answers.length > 0));
    } else if (verb === "is") {
      this.#waitFor(words, () => clients.every(({ tcp }) => tcp?.isFinished === true));
    }
    for (const [index, client] of clients.entries()) {
      this.#playOne(client, verb, rest, numberedStep(step, index + 1), words, index + 1);
    }
    words.finish();
  }

  #playOne(
    client: ScenarioClient,
    verb: string,
    rest: readonly string[],
    step: Step,
    words: StepWords,
    number: number,
  ): void {
    const sendRaw = () => {
      const bytes = hexBytes(words.value("hex") ?? "");
      if (words.has("unframed")) client.sendUnframed(bytes);
      else client.sendRaw(bytes, words.has("tcp"));
    };
    const actions: Record<string, () => void> = {
      asks: () => client.ask(numbered(rest[0]!, number), rest[1]!, words),
      sends: sendRaw,
      gets: () => {
        if (words.has("nothing")) client.expectNothing(words.has("ever"), words);
        else client.expect(step, words);
      },
      connects: () => client.connect(),
      finishes: () => client.tcp?.finish(),
      closes: () => client.tcp?.close(),
      resets: () => client.tcp?.reset(),
      pauses: () => client.pause(),
      resumes: () => client.tcp?.resume(),
      is: () => expectTcpState(client, words),
    };
    const action = Object.hasOwn(actions, verb) ? actions[verb] : undefined;
    if (action === undefined) throw words.error(`a client cannot "${verb}"`);
    action();
  }

  #playUpstream(step: Step): void {
    const [, name, verb, ...rest] = step.words as [string, string, string, ...string[]];
    const upstream = this.#upstreams.get(name);
    const isQuery = verb === "gets" && !["nothing", "probe", "loop"].includes(rest[0]!);
    const words = new StepWords(step, this.#scenario.file, isQuery ? rest.slice(2) : rest);
    if (upstream === undefined) throw words.error(`no forward names the upstream ${name}`);
    if (isQuery) {
      upstream.forget();
      for (let copy = 1; copy <= (words.number("times") ?? 1); copy++) {
        this.#waitFor(words, () => upstream.heard.length > 0);
        upstream.expect(numbered(rest[0]!, copy), rest[1]!, words);
      }
    } else if (verb === "gets" && words.has("probe")) {
      this.#waitFor(words, () => upstream.probes.length > 0);
      upstream.replyToProbe(words);
    } else if (verb === "gets" && words.has("loop")) {
      this.#waitFor(words, () => upstream.hasLoop);
      upstream.dropLoop(words);
    } else if (verb === "returns" && words.has("loop")) {
      this.#waitFor(words, () => upstream.hasLoop);
      upstream.returnLoop(words);
    } else if (verb === "gets" && words.has("nothing")) {
      if (upstream.heard.length > 0) throw words.error(`${name} got a query`);
    } else if (verb === "replies") {
      upstream.reply(step, words);
    } else {
      this.#changeUpstream(upstream, verb, rest, words);
      return;
    }
    words.finish();
  }

  #changeUpstream(
    upstream: ScenarioUpstream,
    verb: string,
    rest: readonly string[],
    words: StepWords,
  ): void {
    const { address } = upstream.local;
    const { network } = this.#server.sim;
    const path = (options: { lossRatio?: number; delayMs?: number }) => {
      network.setPath("*", address, options);
      network.setPath(address, "*", options);
    };
    const expectConnections = () => {
      const [least, most] = connectionBounds(rest);
      const count = upstream.connectionCount;
      if (count >= least && count <= most) return;
      throw words.error(`${upstream.name} has ${count} connections`);
    };
    const actions: Record<string, () => void> = {
      refuses: () => upstream.close(),
      "refuses tcp": () => upstream.closeTcp(),
      listens: () => upstream.open(),
      resets: () => upstream.reset(),
      closes: () => upstream.hangUp(),
      "is silent": () => path(SILENT),
      "is reachable": () => path({}),
      // There and back.
      "is away": () => path({ delayMs: durationMs(rest[0]!) / 2 }),
      "has connections": expectConnections,
      "has connection": expectConnections,
    };
    const key = [verb, ...rest.slice(-1)].join(" ");
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    if (action === undefined) throw words.error(`an upstream cannot "${verb} ${rest.join(" ")}"`);
    action();
  }

  /** Another configuration, which the server takes over, or refuses if the step says so. */
  #playCorefile(step: Step): void {
    const [, ...rest] = step.words;
    const isRefused = rest.join(" ") === "is refused";
    if (rest.length > 0 && !isRefused) throw this.#error(step, `"Corefile ${rest[0]}" is no step`);
    this.#log(isRefused ? "another Corefile is refused" : "another Corefile");
    let problem: Error | null = null;
    try {
      this.#server.reload(step.corefile);
    } catch (error) {
      problem = error as Error;
    }
    if (isRefused && problem === null) throw this.#error(step, "was not refused");
    if (!isRefused && problem !== null) throw this.#error(step, problem.message);
    this.#addUpstreams();
  }

  #playOther(step: Step): void {
    const text = step.words.join(" ");
    const [, time] = /^time passes (\S+)$/.exec(text) ?? [];
    const [, counter, count] = /^counter (\w+) is (\d+)$/.exec(text) ?? [];
    const [, call, code, times] = /^call (\w+) fails with (\w+)(?: times=(\d+))?$/.exec(text) ?? [];
    if (time !== undefined) {
      this.#log(`time passes ${time}`);
      this.#server.pass(durationMs(time));
    } else if (counter !== undefined) {
      const actual = this.#server.counter(counter as CounterName);
      if (actual !== Number(count)) throw this.#error(step, `counter ${counter} is ${actual}`);
    } else if (call !== undefined) {
      const number = (errno as unknown as Record<string, number>)[code!];
      if (number === undefined) throw this.#error(step, `"${code}" is not an error's name`);
      this.#server.sim.failNext(call as CallName, number, Number(times ?? 1));
    } else {
      throw this.#error(step, "is not a step that is known");
    }
  }

  /** Lets time pass until `isThere`, at most for the step's `within=`. */
  #waitFor(words: StepWords, isThere: () => boolean): void {
    const { clock } = this.#server.sim;
    const untilMs = clock.nowMs + durationMs(words.value("within") ?? "0ms");
    while (!isThere() && clock.nowMs < untilMs) this.#server.pass(STEP_MS);
  }

  /** The client, or the `times=` clients, of this name; each has its own address. */
  #clientsOf(name: string, words: StepWords): ScenarioClient[] {
    const count = words.number("times") ?? 1;
    const from = words.value("from");
    const to = words.value("at");
    const clients = this.#clients.get(name) ?? [];
    this.#clients.set(name, clients);
    while (clients.length < count) {
      this.#clientCount += 1;
      const address = from ?? `198.51.100.${this.#clientCount}`;
      const label = count === 1 ? name : `${name}.${clients.length + 1}`;
      clients.push(new ScenarioClient(this.#server, label, address, (text) => this.#log(text)));
    }
    if (to !== undefined) for (const client of clients) client.turnTo(parseEndpoint(to));
    return clients.slice(0, count);
  }

  #addUpstreams(): void {
    for (const { forwards } of this.#server.plan.views) {
      for (const { upstreams, healthCheck } of forwards) {
        for (const upstream of upstreams) this.#addUpstream(upstream, healthCheck.domain);
      }
    }
  }

  #addUpstream(upstream: { address: string; port: number }, probeName: string): void {
    const { address, port } = upstream;
    const name = port === DNS_PORT ? address : `${address}:${port}`;
    if (this.#upstreams.has(name)) return;
    const log = (text: string) => this.#log(text);
    const local = { address, port };
    this.#upstreams.set(name, new ScenarioUpstream(this.#server, name, local, probeName, log));
  }

  #expectNothingLeft(): void {
    for (const client of [...this.#clients.values()].flat()) {
      const { name, answers, asked } = client;
      if (answers.length > 0) throw this.#endError(`${name} got an answer that was not expected`);
      const open = asked.find(({ state }) => state === "open");
      if (open !== undefined) throw this.#endError(`${name} got no answer to #${open.message.id}`);
    }
    for (const { name, heard } of this.#upstreams.values()) {
      if (heard.length > 0) throw this.#endError(`${name} got a query that was not expected`);
    }
  }

  #log(text: string): void {
    const sec = (this.#server.sim.clock.nowMs - this.#startMs) / 1000;
    this.transcript.push(`${sec.toFixed(3).padStart(8)} ${text}`);
    if (this.transcript.length > TRANSCRIPT_LINES) this.transcript.shift();
  }

  #error(step: Step, message: string): ScenarioError {
    return new ScenarioError(this.#scenario.file, step.line, message);
  }

  #endError(message: string): ScenarioError {
    const line = this.#scenario.steps.at(-1)?.line ?? 1;
    return new ScenarioError(this.#scenario.file, line, `at the end, ${message}`);
  }
}

/** `%` in a name stands for the number of the client, from 1. */
function numbered(name: string, number: number): string {
  return name.replaceAll("%", String(number));
}

function numberedStep(step: Step, number: number): Step {
  const each = (records: readonly DnsRecord[]) =>
    records.map((record) => ({ ...record, name: numbered(record.name, number) }));
  const { answer, authority, additional } = step.records;
  const records = {
    answer: each(answer),
    authority: each(authority),
    additional: each(additional),
  };
  return { ...step, records };
}

/** `is closed`, `is reset`, `is open`. */
function expectTcpState(client: ScenarioClient, words: StepWords): void {
  const { tcp } = client;
  const state =
    tcp === null ? "absent" : tcp.isBroken ? "reset" : tcp.isFinished ? "closed" : "open";
  if (!words.has(state)) throw words.error(`the connection of ${client.name} is ${state}`);
}

/** `2 connections`, `at most 2 connections`. */
function connectionBounds(words: readonly string[]): readonly [least: number, most: number] {
  const count = Number(words.at(-2));
  return words[0] === "at" ? [0, count] : [count, count];
}
