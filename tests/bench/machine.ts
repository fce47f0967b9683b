/** What the figures were made on. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

/** The machine, as written into the results file. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  system: string;
  isVirtual: boolean;
  clockSource: string;
  loadBefore: number;
}

/** Describes the machine now. */
export function describeMachine(): Machine {
  const info = read("/proc/cpuinfo");
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"/m.exec(read("/etc/os-release"))?.[1] ?? "unknown",
    isVirtual: /\bhypervisor\b/.test(info),
    clockSource: read("/sys/devices/system/clocksource/clocksource0/current_clocksource").trim(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** The same in two lines. */
export function machineText(machine: Machine): string {
  const kind = machine.isVirtual ? "virtual" : "real";
  const cores = `${machine.cores} ${machine.cores === 1 ? "core" : "cores"} (${kind})`;
  const system = `${machine.system}, Linux ${machine.kernel}, clock ${machine.clockSource}`;
  const load = `load ${machine.loadBefore.toFixed(2)}`;
  return `${machine.cpu}, ${cores}, ${machine.memoryGb} GB, ${load}\n${system}`;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
