/** Both iptables backends of a machine, as far as nodens uses them, with failures on request. */

import type { Machine } from "../../src/net/iptables_backend.ts";
import type { CommandResult } from "../../src/sys/commands.ts";

const GOOD: CommandResult = { code: 0, stdout: "", stderr: "", timedOut: false };

export class SimIptables implements Machine {
  /** `nft 4 raw` → rules as iptables prints them behind `-A`. */
  readonly tables = new Map<string, string[]>();
  readonly installed = new Set(
    ["iptables", "ip6tables"].flatMap((base) =>
      ["nft", "legacy"].flatMap((name) => [`${base}-${name}-save`, `${base}-${name}-restore`]),
    ),
  );
  /** Programs in the order of their start, with arguments. */
  readonly calls: string[] = [];
  /** Sees each call before it is carried out; a result stands in for it. */
  intervene: (call: string) => Partial<CommandResult> | null = () => null;

  readonly commands = {
    has: (program: string) => this.installed.has(program),
    run: (program: string, args: readonly string[], options: { input?: string } = {}) => {
      const call = [program, ...args].join(" ");
      this.calls.push(call);
      const result = this.intervene(call) ?? this.#run(program, args, options.input ?? "");
      return Promise.resolve({ ...GOOD, ...result });
    },
  };

  readFile(path: string): string | null {
    const family = path.includes("ip6_") ? 6 : 4;
    const names = [...this.tables.keys()].filter((key) => key.startsWith(`legacy ${family}`));
    return names.map((key) => `${key.split(" ")[2]}\n`).join("");
  }

  rules(table: string): string[] {
    return this.tables.get(table) ?? [];
  }

  get restores(): number {
    return this.calls.filter((call) => call.includes("-restore")).length;
  }

  #run(program: string, args: readonly string[], input: string): Partial<CommandResult> {
    if (!this.installed.has(program)) return { code: 127, stderr: `${program}: not found` };
    const [base, name, verb] = program.split("-");
    const backend = `${name} ${base === "iptables" ? 4 : 6}`;
    if (verb === "restore") return this.#restore(backend, input);
    const table = args[1];
    if (name === "legacy") this.#change(`${backend} ${table}`, this.rules(`${backend} ${table}`));
    const rules = this.rules(`${backend} ${table}`).map((rule) =>
      rule.startsWith(":") ? `${rule}\n` : `-A ${rule}\n`,
    );
    return { stdout: `*${table}\n:OUTPUT ACCEPT [0:0]\n${rules.join("")}COMMIT\n` };
  }

  /** Table by table, each as a whole or not at all. */
  #restore(backend: string, input: string): Partial<CommandResult> {
    let [key, rules] = ["", [] as string[]];
    for (const [index, line] of input.split("\n").entries()) {
      const [verb, chain, ...rest] = line.split(" ");
      if (line.startsWith("*")) {
        key = `${backend} ${line.slice(1)}`;
        rules = [...this.rules(key)];
      } else if (verb === "-I") {
        const ofChain = rules.filter((rule) => rule.startsWith(`${chain} `));
        const next = ofChain[Number(rest[0]) - 1];
        const at = next === undefined ? rules.length : rules.indexOf(next);
        rules.splice(at, 0, [chain, ...rest.slice(1)].join(" "));
      } else if (verb === "-D") {
        const at = rules.indexOf(line.slice(3));
        if (at < 0) {
          const problem = "Bad rule (does a matching rule exist in that chain?).";
          return {
            code: 1,
            stderr: `iptables-nft-restore: line ${index + 1} failed: ${problem}\n`,
          };
        }
        rules.splice(at, 1);
      } else if (verb === "COMMIT") {
        this.#change(key, rules);
      }
    }
    return {};
  }

  #change(key: string, rules: string[]): void {
    this.tables.set(key, rules);
  }
}
