/** A machine out of a table, for tests: what commands print and what files hold. */

import type { CommandResult, Commands } from "../sys/commands.ts";

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
