/** A network namespace of a test's own; needs root. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import type { Machine } from "../../../src/net/iptables_backend.ts";
import { systemCommands } from "../../../src/sys/commands.ts";

let count = 0;

/** A machine whose programs and files are those of the namespace. */
export class NetworkNamespace implements Machine {
  readonly name = `nodens-test-${process.pid}-${count++}`;

  /**
   * What `nsenter` takes; `ip netns exec` makes a mount namespace as well, whose end takes longer
   * than most programs.
   */
  readonly entrance = `--net=/run/netns/${this.name}`;

  readonly commands = {
    has: systemCommands.has,
    run: (program: string, args: readonly string[], options = {}) =>
      systemCommands.run("nsenter", [this.entrance, program, ...args], options),
  };

  constructor() {
    execFileSync("ip", ["netns", "add", this.name]);
  }

  /** Runs a program in the namespace and gives its output; it must succeed. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.commands.run(program, args);
    assert.equal(code, 0, `${program} ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  readFile(path: string): string | null {
    try {
      return execFileSync("nsenter", [this.entrance, "cat", path], { encoding: "utf8" });
    } catch {
      return null;
    }
  }

  remove(): void {
    execFileSync("ip", ["netns", "delete", this.name]);
  }
}
