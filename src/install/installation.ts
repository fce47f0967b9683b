/**
 * Installs nodens as a service of systemd and lets the machine ask it; or brings an installation up
 * to date. What goes wrong is taken back.
 */

import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { Changes } from "./changes.ts";
import { fileOf, type Host, InstallError, put, readText } from "./host.ts";
import { nameserversOf } from "./resolv_conf.ts";
import {
  beforeStart,
  commandsBehind,
  findResolver,
  pointAt,
  RESOLV_CONF,
  RESOLVED_LIST,
  type Resolver,
  type ResolverChange,
  resolverOf,
  UNITS,
  WANTS,
  wanted,
} from "./resolver.ts";
import { type InstallState, readState, STATE_PATH, writeState } from "./state.ts";
import {
  COREFILE_PATH,
  cleanupWords,
  corefileText,
  FLAGS_PATH,
  flagsText,
  isLoopback,
} from "./texts.ts";
import { UNIT_TEXTS } from "./unit_texts.ts";

export const EXECUTABLE_PATH = "/usr/local/bin/nodens";
/** The one before, for the way back by hand. */
export const PREVIOUS_PATH = `${EXECUTABLE_PATH}.previous`;
const UNIT_PATH = `${UNITS}/nodens.service`;
/** Starting waits until the server is ready; the unit itself gives up after 30 s. */
const START_MS = 45_000;
const COMPARE_BYTES = 1 << 20;

export interface InstallOptions {
  readonly address: string;
  readonly memory: string;
  /** Whether the machine is brought to ask nodens. */
  readonly withResolver: boolean;
  readonly isDryRun: boolean;
  readonly say: (text: string) => void;
  /** Asks the server at `address`; null when it answers, else what is wrong. */
  readonly prove: (address: string) => Promise<string | null>;
}

/** @returns how much was changed. @throws {InstallError} after everything has been taken back. */
export async function install(host: Host, options: InstallOptions): Promise<number> {
  await checkHost(host, options);
  const known = readState(host);
  const address = known?.address ?? options.address;
  if (address !== options.address) {
    const advice = "run nodens uninstall first";
    throw new InstallError(`Cannot move nodens from ${address} to ${options.address}: ${advice}`);
  }
  const resolver = await resolverFor(host, known, options);
  const state: InstallState = known ?? {
    format: 1,
    address,
    resolver: resolver.kind,
    watched: resolver.watched,
    before: {},
  };
  options.say(`the machine's resolver is ${resolver.description}`);
  if (known === null) await proveServers(host, options);
  const changes = new Changes(state, { ...options, host });
  // Before anything else: whoever ends us leaves something that `uninstall` can go by.
  if (known === null && !options.isDryRun) writeState(host, state);
  try {
    await makeAll(changes, { host, options, resolver });
    if (changes.count === 0) options.say("nothing to do: all is as it has to be");
    return changes.count;
  } catch (error) {
    if (options.isDryRun) throw error;
    options.say("taking everything back");
    await changes.undo();
    if (known === null) put(host, STATE_PATH, { kind: "nothing" });
    throw error;
  }
}

interface Subject {
  readonly host: Host;
  readonly options: InstallOptions;
  readonly resolver: Resolver;
}

async function makeAll(changes: Changes, subject: Subject): Promise<void> {
  const { host, options, resolver } = subject;
  const { address, memory } = options;
  const wasActive = (await runQuietly(host, ["systemctl", "is-active", "nodens.service"])) === 0;
  let isChanged = await placeExecutable(changes, subject);
  applyFiles(changes, beforeStart(host, resolver));
  if (readText(host, COREFILE_PATH) === null) {
    const text = corefileText(address, resolver.upstreams);
    isChanged = changes.put(COREFILE_PATH, fileOf(text)) || isChanged;
  }
  if (readText(host, FLAGS_PATH) === null) {
    isChanged = changes.put(FLAGS_PATH, fileOf(flagsText(address, memory))) || isChanged;
  }
  isChanged = changes.put(UNIT_PATH, fileOf(UNIT_TEXTS["nodens.service"])) || isChanged;
  changes.put(`${WANTS}/nodens.service`, wanted("nodens.service"));
  if (isChanged || !wasActive) await start(changes, subject, wasActive);
  if (!options.isDryRun) await proveIt(subject);
  const change = pointAt(host, resolver, address);
  if (!applyFiles(changes, change)) return;
  const { first, last } = commandsBehind(resolver.kind);
  const undo = async () => {
    await runQuietly(host, ["systemctl", "daemon-reload"]);
    for (const words of [...first, ...last]) await runQuietly(host, words);
  };
  for (const words of change.commands) {
    await changes.act(words.join(" "), async () => await run(host, words), undo);
  }
  if (!options.isDryRun) checkPointed(host, resolver, address);
}

/** Whoever keeps the machine's list of servers has us in it by now. */
function checkPointed(host: Host, { kind }: Resolver, address: string): void {
  const path = kind === "resolved" ? RESOLVED_LIST : RESOLV_CONF;
  const [first] = nameserversOf(readText(host, path) ?? "");
  if (kind === "none" || first === address) return;
  const found = first === undefined ? "no server" : first;
  throw new InstallError(`Cannot bring this machine to ask ${address}: ${path} has ${found} first`);
}

async function checkHost(host: Host, { address, isDryRun }: InstallOptions): Promise<void> {
  const cannot = (why: string) => new InstallError(`Cannot install nodens: ${why}`);
  if (!host.isRoot && !isDryRun) throw cannot("only root may: run it with sudo");
  if (!existsSync(join(host.root, "/run/systemd/system"))) {
    throw cannot("systemd does not run this machine: see deploy/systemd for what it would do");
  }
  if (/^(?:node|deno)$/.test(basename(host.executable))) {
    throw cannot("this is not the single executable: build it with hack/build.sh");
  }
  if (!isLoopback(address) && !host.commands.has("iptables")) {
    const why = `there is no iptables, by whose rules ${address} answers when nodens is gone`;
    throw cannot(`${why}: install it, or serve on loopback with -address 127.0.0.1`);
  }
}

async function resolverFor(
  host: Host,
  known: InstallState | null,
  { withResolver }: InstallOptions,
): Promise<Resolver> {
  if (known !== null) return resolverOf(known.resolver, known.watched);
  if (!withResolver) return resolverOf("none", "");
  return await findResolver(host);
}

/** Before anything is changed: without servers that answer there is nothing to gain or to check. */
async function proveServers(host: Host, { address, prove }: InstallOptions): Promise<void> {
  const named = nameserversOf(readText(host, RESOLV_CONF) ?? "");
  const servers = named.filter((server) => server !== address);
  const advice = `see that ${RESOLV_CONF} names servers that answer`;
  if (servers.length === 0) {
    throw new InstallError(`Cannot install nodens: ${RESOLV_CONF} names no DNS server: ${advice}`);
  }
  const problems: string[] = [];
  for (const server of servers) {
    const problem = await prove(server);
    if (problem === null) return;
    problems.push(`${server} does not answer (${problem})`);
  }
  throw new InstallError(`Cannot install nodens: ${problems.join(", ")}: ${advice}`);
}

/** Copies this executable, beside the one that is there: who runs that keeps it. */
async function placeExecutable(changes: Changes, { host }: Subject): Promise<boolean> {
  const target = join(host.root, EXECUTABLE_PATH);
  const previous = join(host.root, PREVIOUS_PATH);
  if (isSameFile(host.executable, target)) return false;
  const hadOne = existsSync(target);
  let isKept = false;
  await changes.place(
    `cp ${host.executable} ${EXECUTABLE_PATH}`,
    () => {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(host.executable, `${target}.new`);
      if (hadOne) {
        rmSync(previous, { force: true });
        linkSync(target, previous);
        isKept = true;
      }
      renameSync(`${target}.new`, target);
    },
    () => {
      rmSync(`${target}.new`, { force: true });
      if (!hadOne) rmSync(target, { force: true });
      else if (isKept) renameSync(previous, target);
    },
  );
  return true;
}

async function start(changes: Changes, subject: Subject, wasActive: boolean): Promise<void> {
  const { host } = subject;
  const verb = wasActive ? "restart" : "start";
  await changes.act(
    `systemctl daemon-reload; systemctl ${verb} nodens.service`,
    async () => {
      await run(host, ["systemctl", "daemon-reload"]);
      try {
        await run(host, ["systemctl", verb, "nodens.service"], START_MS);
      } catch (error) {
        throw new InstallError(`Cannot start nodens: ${await lastWords(host, error as Error)}`);
      }
    },
    async () => await goBack(subject, wasActive),
  );
}

/** What the service itself complains of, which says more than that it has failed. */
async function lastWords(host: Host, error: Error): Promise<string> {
  const words = ["-u", "nodens.service", "-n", "20", "-o", "cat", "--no-pager"];
  const { stdout } = await host.commands.run("journalctl", words);
  const complaint = stdout.split("\n").findLast((line) => line.startsWith("nodens: "));
  return complaint?.replace("nodens: ", "") ?? error.message;
}

/** The files are as they were: the service follows them. */
async function goBack({ host, options }: Subject, wasActive: boolean): Promise<void> {
  await runQuietly(host, ["systemctl", "daemon-reload"]);
  if (wasActive) {
    await runQuietly(host, ["systemctl", "restart", "nodens.service"]);
    return;
  }
  await runQuietly(host, ["systemctl", "stop", "nodens.service"]);
  if (isLoopback(options.address)) return;
  await runQuietly(host, cleanupWords(host.executable, options.address));
}

async function proveIt({ host, options }: Subject): Promise<void> {
  const problem = await options.prove(options.address);
  if (problem === null) return;
  const { stdout } = await host.commands.run("systemctl", ["show", "-P", "StatusText", "nodens"]);
  const advice = `see journalctl -u nodens (status: ${stdout.trim()})`;
  throw new InstallError(`Cannot let this machine ask nodens: ${problem}: ${advice}`);
}

/** @returns whether anything was to be written. */
function applyFiles(changes: Changes, { files }: ResolverChange): boolean {
  let isChanged = false;
  for (const [path, found] of files) isChanged = changes.put(path, found) || isChanged;
  return isChanged;
}

/** @throws {InstallError} with the program's complaint. */
async function run(host: Host, words: readonly string[], timeoutMs?: number): Promise<void> {
  const [program, ...args] = words;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const { code, stderr, timedOut } = await host.commands.run(program!, args, options);
  if (code === 0) return;
  const why = timedOut ? "it takes too long" : lastLine(stderr) || `it ended with ${code}`;
  throw new InstallError(`Cannot run ${words.join(" ")}: ${why}`);
}

async function runQuietly(host: Host, words: readonly string[]): Promise<number | null> {
  const [program, ...args] = words;
  return (await host.commands.run(program!, args, { timeoutMs: START_MS })).code;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** Byte by byte, in pieces: an executable has a hundred megabytes. */
function isSameFile(one: string, other: string): boolean {
  if (!existsSync(other)) return false;
  if (statSync(one).ino === statSync(other).ino && statSync(one).dev === statSync(other).dev) {
    return true;
  }
  if (statSync(one).size !== statSync(other).size) return false;
  const descriptors = [one, other].map((path) => openSync(path, "r"));
  const buffers = descriptors.map(() => Buffer.alloc(COMPARE_BYTES));
  try {
    for (;;) {
      const counts = descriptors.map((fd, index) => readSync(fd, buffers[index]!));
      if (counts[0] === 0) return true;
      if (!buffers[0]!.subarray(0, counts[0]).equals(buffers[1]!.subarray(0, counts[1]))) {
        return false;
      }
    }
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}
