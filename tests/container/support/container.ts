/**
 * A container of nodens, run by runc as a kubelet would have it run: root file system of the image,
 * a control group of its own, and somebody's network namespace as its host's. It goes when the test
 * ends; what a killed run has left goes with the next one's start.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type ControlGroup, controlGroupAt } from "../../netns/support/control_group.ts";
import { monotonicMs } from "../../netns/support/load.ts";
import { attempt, type Finished, type RunOptions } from "../../netns/support/namespaces.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import { type ContainerSpec, runcConfig } from "./runc_config.ts";

export type { ContainerMount, ContainerSpec } from "./runc_config.ts";

/** Folder, container and control group: `nodens-container-PID-NUMBER` and what mkdtemp adds. */
const NAME = /^nodens-container-(\d+)-\d+/;
const GRACE_MS = 30_000;
/** runc's own exit code says so of a process that a signal has ended. */
const SIGNALLED = 128;

let madeCount = 0;

export class Container {
  /** As runc knows it, and the name of its control group. */
  readonly id: string;
  /** Of its first process, seen from outside. */
  readonly pid: number;
  /** When it was started, in CLOCK_MONOTONIC. */
  readonly startedMs: number;
  /** runc: it ends when the container does, with the same code. */
  readonly child: ChildProcess;
  readonly group: ControlGroup;
  /** Settled when it has ended and all that it wrote has been read. */
  readonly ended: Promise<unknown>;
  readonly #state: string;
  readonly #written: { stdout: string; stderr: string; both: string };

  /**
   * Starts one, and returns when its process is there; what that does next is not waited for.
   *
   * @throws {Error} with what runc says, when it cannot.
   */
  static async start(context: Ending, spec: ContainerSpec): Promise<Container> {
    removeLeftovers();
    const id = `nodens-container-${process.pid}-${++madeCount}`;
    const folder = mkdtempSync(join(tmpdir(), `${id}-`));
    cleanUp(context, () => removeContainer(id, folder));
    for (const name of ["rootfs", "upper", "work", "state"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "config.json"), JSON.stringify(runcConfig(spec, id)));
    const startedMs = monotonicMs();
    const child = spawnRunc(id, folder, spec.rootfs);
    const written = collect(child);
    const ended = once(child, "close");
    const pidFile = join(folder, "pid");
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    // It is renamed to this name by runc, so there is never half of it.
    await until(`container ${id} has a process`, () => existsSync(pidFile) || hasEnded());
    if (!existsSync(pidFile)) {
      await ended;
      throw new Error(`Cannot start container ${id}: ${written.both.trim()}`);
    }
    const pid = Number(readFileSync(pidFile, "utf8"));
    const state = join(folder, "state");
    return new Container({ id, pid, startedMs, child, ended, state, written });
  }

  private constructor(parts: {
    id: string;
    pid: number;
    startedMs: number;
    child: ChildProcess;
    ended: Promise<unknown>;
    state: string;
    written: { stdout: string; stderr: string; both: string };
  }) {
    this.id = parts.id;
    this.pid = parts.pid;
    this.startedMs = parts.startedMs;
    this.child = parts.child;
    this.ended = parts.ended;
    this.group = controlGroupAt(parts.id, "memory");
    this.#state = parts.state;
    this.#written = parts.written;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Everything that it wrote so far; `log` is both, in the order in which it came. */
  stdout(): string {
    return this.#written.stdout;
  }

  stderr(): string {
    return this.#written.stderr;
  }

  log(): string {
    return this.#written.both;
  }

  /** To its first process. */
  kill(signal: NodeJS.Signals): void {
    try {
      if (this.isRunning) process.kill(this.pid, signal);
    } catch (error) {
      // It has ended, and runc does not know yet.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /**
   * As the kubelet ends a container: SIGTERM, and SIGKILL when it is still there after `graceMs`.
   * Returns the exit code: 137 is SIGKILL's.
   */
  async stop(graceMs = GRACE_MS): Promise<number | null> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), graceMs);
    await this.ended;
    clearTimeout(timer);
    return this.child.exitCode;
  }

  /** Runs a program in it to its end, as a probe of the kubelet does. Never rejects. */
  exec(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return attempt(["runc", "--root", this.#state, "exec", this.id, ...words], options);
  }

  /** Whether its end was by that signal. */
  wasKilledBy(signalNumber: number): boolean {
    return this.child.exitCode === SIGNALLED + signalNumber;
  }
}

/**
 * The root file system is an overlay, as containerd has it: the image below, and above it what the
 * container writes. It is mounted in a namespace of runc's own and goes with that.
 */
function spawnRunc(id: string, folder: string, rootfs: string): ChildProcess {
  const script = [
    'mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/rootfs"',
    'exec runc --root "$2/state" run --bundle "$2" --pid-file "$2/pid" "$3"',
  ].join(" && ");
  // Slave: a namespace that somebody removes outside does not live on in here.
  const words = ["-m", "--propagation", "slave", "sh", "-c", script, "sh", rootfs, folder, id];
  return spawn("unshare", words, { stdio: ["ignore", "pipe", "pipe"] });
}

function collect(child: ChildProcess): { stdout: string; stderr: string; both: string } {
  const written = { stdout: "", stderr: "", both: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8");
    child[name]?.on("data", (text: string) => {
      written[name] += text;
      written.both += text;
    });
  }
  return written;
}

/** Ends it if need be; all that is left of it goes. */
function removeContainer(id: string, folder: string): void {
  try {
    const words = ["--root", join(folder, "state"), "delete", "--force", id];
    execFileSync("runc", words, { stdio: "ignore" });
  } catch {
    // It has never come about.
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Containers whose makers are gone. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const [id = "", pid] = NAME.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    removeContainer(id, join(tmpdir(), name));
  }
}
