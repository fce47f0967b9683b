/**
 * A machine with systemd as its process 1: namespaces of its own over a copy-on-write view of this
 * machine's files, on a network with a DHCP and DNS server (lan.ts).
 *
 * Debian packages that a test needs are unpacked into the view and nowhere else: those that manage
 * resolv.conf are in conflict with each other, and with what the real machine has.
 */

import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { attempt, type Finished, run } from "../../netns/support/namespaces.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import { unpackPackage } from "./packages.ts";

export interface MachineOptions {
  /** The network namespace that it is in. */
  readonly network: string;
  /** Names of Debian packages. */
  readonly packages?: readonly string[];
  /** Further files, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  /** What {@link Machine.keep} has kept of another machine: this one is that, started again. */
  readonly kept?: string;
  /** Where /etc/resolv.conf leads to. */
  readonly resolvConf?: string;
  /** Units that are started with it. */
  readonly units?: readonly string[];
}

const BOOT_MS = 30_000;
const GROUPS = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
const NAME = /^nodens-vm-(\d+)-\d+$/;

let madeCount = 0;

export class Machine {
  readonly #pid: number;
  readonly #log: () => string;

  private constructor(pid: number, log: () => string) {
    this.#pid = pid;
    this.#log = log;
  }

  /** Boots it; it ends with the test. Resolves when multi-user.target is reached. */
  static async boot(context: Ending, options: MachineOptions): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), "nodens-vm-"));
    cleanUp(context, () => rmSync(folder, { recursive: true }));
    for (const name of ["machine", "files"]) mkdirSync(join(folder, name));
    await layOut(join(folder, "files"), options);
    const group = makeGroup(context);
    const words = ["ip", "netns", "exec", options.network, "unshare", "--mount", "--pid", "--uts"];
    words.push("--ipc", "--cgroup", "--fork", join(import.meta.dirname, "boot.sh"), folder);
    words.push(...(options.units ?? []));
    const join_ = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
    const child = spawn("sh", ["-c", join_, group, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = collectOutput(child);
    cleanUp(context, async () => await endGroup(group));
    let pid: number | null = null;
    await until("systemd is there", () => {
      if (child.exitCode !== null) throw new Error(`Cannot boot: ${log()}`);
      pid = firstProcess(child.pid!);
      return pid !== null;
    });
    const machine = new Machine(pid!, log);
    await machine.#untilBooted();
    return machine;
  }

  /** What systemd and the journal say; for a test that fails. */
  async story(): Promise<string> {
    const { stdout } = await this.attempt(["journalctl", "--no-pager", "-n", "80", "-o", "short"]);
    return `${this.#log()}\n${stdout}`;
  }

  /** Runs a program in the machine. */
  async attempt(words: readonly string[], timeoutMs?: number): Promise<Finished> {
    const [program, ...args] = this.enter(words);
    return await attempt([program!, ...args], timeoutMs === undefined ? {} : { timeoutMs });
  }

  /** What it wrote. @throws {Error} with its complaint, when it ends with anything but 0. */
  async run(...words: readonly string[]): Promise<string> {
    const [program, ...args] = this.enter(words);
    return await run([program!, ...args]);
  }

  /** The words that run a program in the machine. */
  enter(words: readonly string[]): string[] {
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    return ["nsenter", "-t", String(this.#pid), "-a", "env", "-i", path, "LANG=C.UTF-8", ...words];
  }

  /** Text of a file; null without one. */
  read(path: string): string | null {
    try {
      return readFileSync(this.#path(path), "utf8");
    } catch {
      return null;
    }
  }

  /** Written in place, as editors and DHCP clients do. */
  write(path: string, text: string): void {
    mkdirSync(dirname(this.#path(path)), { recursive: true });
    writeFileSync(this.#path(path), text);
  }

  /** Files and folders as an archive that another machine can be booted with. */
  async keep(context: Ending, paths: readonly string[]): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), "nodens-vm-"));
    cleanUp(context, () => rmSync(folder, { recursive: true }));
    const archive = join(folder, "kept.tar");
    const words = this.enter(["tar", "-C", "/", "-c", ...paths]);
    await run(["sh", "-c", 'archive=$0; exec "$@" >"$archive"', archive, ...words]);
    return archive;
  }

  /** A property of a unit, as `systemctl show` has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.run("systemctl", "show", "-P", name, unit)).trim();
  }

  /** All addresses of `name`, as programs get them: by glibc, nsswitch.conf and resolv.conf. */
  async lookUp(name: string): Promise<string[]> {
    const { stdout } = await this.attempt(["getent", "ahostsv4", name]);
    const addresses = stdout.split("\n").flatMap((line) => line.split(/\s+/)[0] || []);
    return [...new Set(addresses)];
  }

  /** Follows no links: one that is absolute would lead to our own files. */
  #path(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  async #untilBooted(): Promise<void> {
    const isUp = async () => {
      const { stdout } = await this.attempt(["systemctl", "is-active", "multi-user.target"]);
      return stdout.trim() === "active";
    };
    try {
      await until("multi-user.target is reached", isUp, BOOT_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.story()}`);
    }
  }
}

async function layOut(root: string, options: MachineOptions): Promise<void> {
  for (const name of options.packages ?? []) await unpackPackage(name, root);
  if (options.kept !== undefined) await run(["tar", "-C", root, "-xf", options.kept]);
  for (const [path, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  if (options.resolvConf !== undefined) {
    mkdirSync(join(root, "etc"), { recursive: true });
    symlinkSync(options.resolvConf, join(root, "etc", "resolv.conf"));
  }
}

function collectOutput(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  return () => text;
}

/** Process 1 of the namespaces: what `unshare` has started, once it is systemd. */
function firstProcess(parent: number): number | null {
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim();
    const pid = Number(children.split(" ")[0]);
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "systemd" ? pid : null;
  } catch {
    return null;
  }
}

function makeGroup(context: Ending): string {
  const top = GROUPS.find((path) => existsSync(join(path, "cgroup.controllers")));
  if (top === undefined) throw new Error("Cannot make a control group: no cgroup v2 is mounted");
  removeOldGroups(top);
  const path = join(top, `nodens-vm-${process.pid}-${madeCount++}`);
  mkdirSync(path);
  cleanUp(context, () => removeGroup(path));
  return path;
}

function removeOldGroups(top: string): void {
  for (const name of readdirSync(top)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      writeFileSync(join(top, name, "cgroup.kill"), "1");
      removeGroup(join(top, name));
    } catch {
      // Another run is at it, or it takes its time: the next run removes it.
    }
  }
}

async function endGroup(path: string): Promise<void> {
  writeFileSync(join(path, "cgroup.kill"), "1");
  const isEmpty = () => readFileSync(join(path, "cgroup.events"), "utf8").includes("populated 0");
  await until("the machine's processes have ended", isEmpty);
}

function removeGroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(path, entry.name));
  }
  rmdirSync(path);
}
