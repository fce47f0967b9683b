/** Takes an installation back: the machine asks whom it asked before, and nodens is gone. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Found, type Host, InstallError, isSame, look, put, readText } from "./host.ts";
import { EXECUTABLE_PATH, PREVIOUS_PATH } from "./installation.ts";
import { isOurs } from "./resolv_conf.ts";
import { commandsBehind, OUR_RESOLV_CONF, RESOLV_CONF } from "./resolver.ts";
import { type InstallState, readState, STATE_PATH } from "./state.ts";
import { COREFILE_PATH, cleanupWords, FLAGS_PATH, isLoopback } from "./texts.ts";

const STOP_MS = 30_000;
/** What people have written into them is theirs. */
const CONFIGURATION = [COREFILE_PATH, FLAGS_PATH];

export interface RemovalOptions {
  readonly isDryRun: boolean;
  /** Without it, a configuration stays where it is. */
  readonly isPurge: boolean;
  readonly say: (text: string) => void;
}

/** @throws {InstallError} where nothing is installed, or something cannot be removed. */
export async function uninstall(host: Host, options: RemovalOptions): Promise<void> {
  if (!host.isRoot) throw new InstallError("Cannot remove nodens: only root may: run it with sudo");
  let state = readState(host);
  if (state === null) {
    const why = `there is no ${STATE_PATH}, which says what was there before`;
    throw new InstallError(`Cannot remove nodens: ${why}: see deploy/systemd for the way by hand`);
  }
  const removal = new Removal(host, options);
  const own = Object.keys(state.before).filter((path) => path.startsWith("/etc/systemd/system/"));
  const isOther = (path: string) => !own.includes(path) && !CONFIGURATION.includes(path);
  // The machine asks others first, and then nobody is asked any more.
  const { first, last } = commandsBehind(state.resolver);
  for (const words of first) await removal.run(words);
  // Units that have just been stopped may have noted a newer resolv.conf meanwhile.
  state = readState(host) ?? state;
  for (const path of Object.keys(state.before).reverse().filter(isOther)) {
    removal.restore(path, state);
  }
  for (const words of last) await removal.run(words);
  await removal.run(["systemctl", "stop", "nodens.service"]);
  if (!isLoopback(state.address)) {
    await removal.run(cleanupWords(host.executable, state.address));
  }
  for (const path of own.reverse()) removal.restore(path, state);
  await removal.run(["systemctl", "daemon-reload"]);
  for (const path of CONFIGURATION) removal.forget(path, state);
  removal.remove(EXECUTABLE_PATH, PREVIOUS_PATH, STATE_PATH);
}

class Removal {
  readonly #host: Host;
  readonly #options: RemovalOptions;

  constructor(host: Host, options: RemovalOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** What goes wrong is said, and no reason to leave the rest. */
  async run(words: readonly string[]): Promise<void> {
    const { isDryRun, say } = this.#options;
    if (isDryRun) {
      say(`would run ${words.join(" ")}`);
      return;
    }
    const [program, ...args] = words;
    const { code, stderr } = await this.#host.commands.run(program!, args, { timeoutMs: STOP_MS });
    const failure = code === 0 ? "" : ` (which failed: ${stderr.trim().split("\n").at(-1)})`;
    say(`ran ${words.join(" ")}${failure}`);
  }

  /** Puts back what was there before. */
  restore(path: string, { before }: InstallState): void {
    const found = before[path]!;
    // Somebody has written it since, and not as one of ours: it is what the machine wants.
    if (path === RESOLV_CONF && !isOursNow(this.#host)) return;
    this.#put(path, found);
  }

  /** A configuration stays, unless it is not wanted. */
  forget(path: string, { before }: InstallState): void {
    if (before[path] === undefined) return;
    if (this.#options.isPurge) this.#put(path, before[path]!);
    else this.#options.say(`kept ${path} (-purge removes it)`);
  }

  remove(...paths: readonly string[]): void {
    for (const path of paths) {
      if (!existsSync(join(this.#host.root, path))) continue;
      if (!this.#options.isDryRun) put(this.#host, path, { kind: "nothing" });
      this.#options.say(`${this.#options.isDryRun ? "would remove" : "removed"} ${path}`);
    }
  }

  #put(path: string, found: Found): void {
    const { isDryRun, say } = this.#options;
    if (isSame(look(this.#host, path), found)) return;
    const what = found.kind === "nothing" ? "removed" : "restored";
    if (isDryRun) {
      say(`would have ${what} ${path}`);
      return;
    }
    put(this.#host, path, found);
    say(`${what} ${path}`);
  }
}

function isOursNow(host: Host): boolean {
  const now = look(host, RESOLV_CONF);
  if (now.kind === "link") return now.target === OUR_RESOLV_CONF;
  return now.kind === "nothing" || isOurs(readText(host, RESOLV_CONF) ?? "");
}
