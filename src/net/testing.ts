/** A machine out of a table, for tests: what commands print and what files hold. */

import type { CommandResult, Commands } from "../sys/commands.ts";
import type { Facts } from "./doctor_facts.ts";

export interface FakeMachine {
  readonly commands: Commands;
  readonly readFile: (path: string) => string | null;
  /** Every command that was run, as one line. */
  readonly ran: string[];
}

export interface FakeMachineOptions {
  /** `program and arguments` to what it prints, or to how it ends. Others are not installed. */
  readonly commands?: Readonly<Record<string, string | Partial<CommandResult>>>;
  readonly files?: Readonly<Record<string, string>>;
}

export function fakeMachine({ commands = {}, files = {} }: FakeMachineOptions): FakeMachine {
  const ran: string[] = [];
  const has = (program: string) =>
    Object.keys(commands).some((line) => line === program || line.startsWith(`${program} `));
  return {
    ran,
    readFile: (path) => files[path] ?? null,
    commands: {
      has,
      run: async (program, args) => {
        const line = [program, ...args].join(" ");
        ran.push(line);
        const found = commands[line];
        const missing = has(program)
          ? { code: 1, stderr: `${program}: unexpected arguments` }
          : { code: 127, stderr: `${program}: not found` };
        const result = typeof found === "string" ? { stdout: found } : (found ?? missing);
        return { code: 0, stdout: "", stderr: "", timedOut: false, ...result };
      },
    },
  };
}

export interface FakeFactsOptions extends FakeMachineOptions {
  /** Symbolic links and where they lead. */
  readonly links?: Readonly<Record<string, string>>;
  readonly inodes?: Readonly<Record<string, number>>;
  /** Devices and the codes of the errors at their opening; null opens. */
  readonly devices?: Readonly<Record<string, string | null>>;
}

/** Folders are those in which `files` and `links` are. */
export function fakeFacts(options: FakeFactsOptions = {}): Facts {
  const { files = {}, links = {}, inodes = {}, devices = {} } = options;
  const paths = [...Object.keys(files), ...Object.keys(links)];
  return {
    ...fakeMachine(options),
    names: (folder) => {
      const inside = paths.filter((path) => path.startsWith(`${folder}/`));
      const names = inside.map((path) => path.slice(folder.length + 1).split("/")[0]);
      return names.length === 0 ? null : [...new Set(names)];
    },
    linkTarget: (path) => links[path] ?? null,
    inode: (path) => inodes[path] ?? null,
    openError: (path) => (path in devices ? devices[path] : "ENOENT"),
  };
}

/** /proc/self/status of root with these capabilities, by their bits. */
export function processStatus(bits: readonly number[], uid = 0): string {
  const mask = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  const ids = `${uid}\t${uid}\t${uid}\t${uid}`;
  return `Name:\tnodens\nUid:\t${ids}\nCapEff:\t${mask.toString(16).padStart(16, "0")}\n`;
}
