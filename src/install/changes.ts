/**
 * Changes of one run, each noted before it is made: to be taken back when a later one fails. What
 * was there before the first installation goes into the state's file.
 */

import { type Found, type Host, isSame, look, put } from "./host.ts";
import { type InstallState, writeState } from "./state.ts";

export interface ChangesOptions {
  readonly host: Host;
  readonly isDryRun: boolean;
  /** Gets a line for each change. */
  readonly say: (text: string) => void;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #state: InstallState;
  /** What was there before this run. */
  readonly #before = new Map<string, Found>();
  readonly #undos: (() => Promise<void>)[] = [];
  /** Those that put files back, and so come before programs that go by them. */
  readonly #fileUndos: (() => void)[] = [];
  #count = 0;

  constructor(state: InstallState, options: ChangesOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** How much has been changed. */
  get count(): number {
    return this.#count;
  }

  /** Puts a file or link, unless it is there already. @returns whether it was not. */
  put(path: string, wanted: Found, what = "write"): boolean {
    const { host, isDryRun, say } = this.#options;
    const found = look(host, path);
    if (isSame(found, wanted)) return false;
    this.#count += 1;
    if (isDryRun) {
      say(`would ${what} ${path}${describe(wanted)}`);
      return true;
    }
    if (!this.#before.has(path)) this.#before.set(path, found);
    this.#state.before[path] ??= found;
    writeState(host, this.#state);
    put(host, path, wanted);
    say(`${what === "write" ? "wrote" : what} ${path}`);
    return true;
  }

  /** Something else than a file, with the way back. */
  async act(text: string, act: () => Promise<void>, undo?: () => Promise<void>): Promise<void> {
    const { isDryRun, say } = this.#options;
    this.#count += 1;
    if (isDryRun) {
      say(`would run ${text}`);
      return;
    }
    // Before it is done: half of it may have happened when it fails.
    if (undo !== undefined) this.#undos.push(undo);
    await act();
    say(`ran ${text}`);
  }

  /** Puts a file in place that is too large to be held, with the way back. */
  async place(text: string, place: () => void, undo: () => void): Promise<void> {
    if (!this.#options.isDryRun) this.#fileUndos.push(undo);
    await this.act(text, async () => place());
  }

  /** Takes all of this run back, the last change first: files, and then what has to be run. */
  async undo(): Promise<void> {
    for (const [path, found] of [...this.#before].reverse()) put(this.#options.host, path, found);
    for (const undo of this.#fileUndos.reverse()) undo();
    for (const undo of this.#undos.reverse()) await undo();
  }
}

function describe(wanted: Found): string {
  if (wanted.kind === "link") return `, a link to ${wanted.target}`;
  if (wanted.kind === "nothing") return "";
  const text = Buffer.from(wanted.base64, "base64").toString();
  return `:\n${text.trimEnd().replace(/^/gm, "    ")}`;
}
