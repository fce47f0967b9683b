/** Runs other programs: found, fed, timed and ended. */

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import process from "node:process";

export interface CommandResult {
  /** Exit code; null when a signal or the time-out ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Ended by us after `timeoutMs`. */
  readonly timedOut: boolean;
}

export interface CommandOptions {
  /** Written to its standard input. @default {""} */
  readonly input?: string;
  /** It is killed after this. @default {10_000} */
  readonly timeoutMs?: number;
}

/** How programs are run; tests have their own. */
export interface Commands {
  /** Whether a program of that name, or at that absolute path, can be found. */
  has(program: string): boolean;
  /**
   * Runs a program to its end. Never rejects: one that cannot be started has code 127 and says why
   * on `stderr`, as in a shell.
   */
  run(program: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

const TIMEOUT_MS = 10_000;
const NOT_FOUND_CODE = 127;
/** Looked at behind PATH: minimal images and service managers often leave them out. */
const FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];

export const systemCommands: Commands = {
  has: (program) => findProgram(program) !== null,
  run: runSystemCommand,
};

const found = new Map<string, string>();

function findProgram(program: string): string | null {
  const known = found.get(program);
  if (known !== undefined) return known;
  const folders = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "");
  const isPath = program.startsWith("/");
  for (const folder of isPath ? [""] : [...folders, ...FOLDERS]) {
    const path = isPath ? program : `${folder}/${program}`;
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    found.set(program, path);
    return path;
  }
  return null;
}

function runSystemCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input = "", timeoutMs = TIMEOUT_MS } = options;
  const path = findProgram(program);
  if (path === null) {
    const stderr = `${program}: not found`;
    return Promise.resolve({ code: NOT_FOUND_CODE, stdout: "", stderr, timedOut: false });
  }
  return new Promise((resolve) => {
    const child = spawn(path, args, { stdio: ["pipe", "pipe", "pipe"] });
    const written = { stdout: "", stderr: "" };
    let timedOut = false;
    let isDone = false;
    const finish = (code: number | null, stderr = written.stderr) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      resolve({ code, stdout: written.stdout, stderr, timedOut });
    };
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
      // Whoever it started may hold the pipes; we have what there is.
      finish(null);
    }, timeoutMs);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8");
      child[name].on("data", (text: string) => {
        written[name] += text;
      });
    }
    child.on("error", (error) => finish(NOT_FOUND_CODE, `${program}: ${error.message}`));
    child.on("close", (code) => finish(code));
    // A program that ends without reading its input is not our failure.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
