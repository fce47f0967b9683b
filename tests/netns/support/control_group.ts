/**
 * A control group of a test's own, version 1 or 2, for a memory limit or a CPU quota. It is made at
 * the top of the hierarchy: beneath our own group version 2 allows none as long as we are in there.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";

export type Controller = "memory" | "cpu";

interface Hierarchy {
  readonly version: 1 | 2;
  readonly path: string;
}

const NAME = /^nodens-(\d+)-\d+$/;
/** Of a CPU quota: the kernel's default, and that of container runtimes. */
const PERIOD_US = 100_000;

let madeCount = 0;

export class ControlGroup {
  readonly #path: string;
  readonly #version: 1 | 2;

  constructor({ path, version }: Hierarchy) {
    this.#path = path;
    this.#version = version;
  }

  /** Takes a process in, with what it will use from now on. */
  add(pid: number): void {
    this.#write("cgroup.procs", String(pid));
  }

  /** Words before a command that start it in there; not within `ip netns exec`, which hides it. */
  get words(): string[] {
    return ["sh", "-c", `echo $$ >${this.#path}/cgroup.procs && exec "$@"`, "sh"];
  }

  memoryBytes(): number {
    return Number(this.#read(this.#version === 1 ? "memory.usage_in_bytes" : "memory.current"));
  }

  /** The most that it has been, memory of files that it has read included. */
  memoryPeakBytes(): number {
    return Number(this.#read(this.#version === 1 ? "memory.max_usage_in_bytes" : "memory.peak"));
  }

  /** What the kernel could not take back without swapping: of processes, and shared memory. */
  memoryHeldBytes(): number {
    const text = this.#read("memory.stat");
    const of = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
    return this.#version === 1 ? of("total_rss") + of("total_shmem") : of("anon") + of("shmem");
  }

  limitMemory(bytes: number): void {
    this.#write(this.#version === 1 ? "memory.limit_in_bytes" : "memory.max", String(bytes));
  }

  /** How many processes the kernel has killed in here because memory ran out. */
  oomKillCount(): number {
    const text = this.#read(this.#version === 1 ? "memory.oom_control" : "memory.events");
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** Allows its processes together that part of one processor; null is all there is. */
  limitCpu(share: number | null): void {
    const quotaUs = share === null ? null : Math.round(share * PERIOD_US);
    if (this.#version === 2) this.#write("cpu.max", `${quotaUs ?? "max"} ${PERIOD_US}`);
    else this.#write("cpu.cfs_quota_us", String(quotaUs ?? -1));
  }

  /** In how many periods they had to wait. */
  throttledCount(): number {
    return Number(/^nr_throttled (\d+)$/m.exec(this.#read("cpu.stat"))?.[1] ?? 0);
  }

  /** Kills who is left in it, and removes it. */
  async remove(): Promise<void> {
    await until(`control group ${this.#path} is empty`, () => {
      const pids = this.#read("cgroup.procs").split("\n").filter(Boolean).map(Number);
      for (const pid of pids) process.kill(pid, "SIGKILL");
      return pids.length === 0;
    });
    rmdirSync(this.#path);
  }

  #read(file: string): string {
    return readFileSync(`${this.#path}/${file}`, "utf8");
  }

  #write(file: string, text: string): void {
    writeFileSync(`${this.#path}/${file}`, text);
  }
}

/** Makes one; it goes when the test ends. @throws {Error} where that cannot be. */
export async function makeControlGroup(
  context: Ending,
  controller: Controller,
): Promise<ControlGroup> {
  const { version, path: top } = hierarchyOf(controller);
  await removeLeftovers(top, version);
  const path = `${top}/nodens-${process.pid}-${++madeCount}`;
  try {
    if (version === 2) writeFileSync(`${top}/cgroup.subtree_control`, `+${controller}`);
    mkdirSync(path);
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`Cannot make the control group ${path}: ${why}: run it on the host as root`);
  }
  const group = new ControlGroup({ path, version });
  cleanUp(context, () => group.remove());
  return group;
}

/** One that somebody else has made at the top of the hierarchy, a container runtime for example. */
export function controlGroupAt(name: string, controller: Controller): ControlGroup {
  const { version, path } = hierarchyOf(controller);
  return new ControlGroup({ version, path: `${path}/${name}` });
}

function hierarchyOf(controller: Controller): Hierarchy {
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, path = "", type, options = ""] = line.split(" ");
    if (type === "cgroup" && options.split(",").includes(controller)) return { version: 1, path };
    if (type !== "cgroup2") continue;
    const controllers = readFileSync(`${path}/cgroup.controllers`, "utf8").trim().split(" ");
    if (controllers.includes(controller)) return { version: 2, path };
  }
  throw new Error(`Cannot find the control groups of ${controller}: mount them`);
}

/** Groups whose makers are gone. */
async function removeLeftovers(top: string, version: 1 | 2): Promise<void> {
  for (const name of readdirSync(top)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await new ControlGroup({ path: `${top}/${name}`, version }).remove();
  }
}
