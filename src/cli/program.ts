/**
 * The commands and their help, by commander.
 *
 * Flags are made uniform before (go_flags.ts), so that commander sees GNU style only. `run` does
 * not pass through here: starting the server must not wait for what it does not need.
 */

import { Command, CommanderError, type Help, Option } from "commander";
import type { RunOptions } from "../config/run_options.ts";
import { CHECK_FLAGS } from "./check_flags.ts";
import { CLEANUP_FLAGS, readCleanupOptions } from "./cleanup_flags.ts";
import { CONFIG_FLAGS, readConfigOutput } from "./config_flags.ts";
import { describeVersion } from "./describe_version.ts";
import { DOCTOR_FLAGS } from "./doctor_flags.ts";
import { FMT_FLAGS, readFmtOptions } from "./fmt_flags.ts";
import { type Flag, parseFlags, spell } from "./go_flags.ts";
import {
  INSTALL_FLAGS,
  RESOLVER_FLAGS,
  readInstallFlags,
  UNINSTALL_FLAGS,
} from "./install_flags.ts";
import { acceptDigFlags, QUERY_FLAGS } from "./query_flags.ts";
import { RULES_FLAGS, readRulesOptions } from "./rules_flags.ts";
import { RUN_FLAGS, readRunOptions } from "./run_flags.ts";
import { readStatusOptions, STATUS_FLAGS } from "./status_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_STOPPED, UsageError } from "./usage_error.ts";

const HELP_COLUMNS = 100;
const COMMANDS = "Commands:";

const EXAMPLES = `Examples:
  nodens -conf /etc/coredns/Corefile -memory 128MiB
  nodens check /etc/coredns/Corefile
  nodens fmt -write /etc/coredns/Corefile
  nodens query example.org @169.254.20.10
  nodens query -x 192.0.2.1 @127.0.0.1 -p 1053 -short
  nodens rules -localip 169.254.20.10,10.96.0.10
  nodens cleanup -dry-run
  nodens install -systemd -dry-run

Exit codes: 0 stopped or good, 1 failed or no answer, 2 usage or configuration`;

const FLAGS_OF: Readonly<Record<string, readonly Flag[]>> = {
  run: RUN_FLAGS,
  check: CHECK_FLAGS,
  config: CONFIG_FLAGS,
  fmt: FMT_FLAGS,
  query: QUERY_FLAGS,
  rules: RULES_FLAGS,
  status: STATUS_FLAGS,
  cleanup: CLEANUP_FLAGS,
  doctor: DOCTOR_FLAGS,
  install: INSTALL_FLAGS,
  uninstall: UNINSTALL_FLAGS,
  resolver: RESOLVER_FLAGS,
  version: [{ name: "plugins", value: null, description: "print the plugins", group: "Flags" }],
  help: [],
};

/**
 * Runs a command other than `run`.
 *
 * @param args the words after the program's name; the first is the command.
 * @returns the exit code.
 * @throws {UsageError}
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args;
  const words = name === "query" ? acceptDigFlags(rest) : rest;
  const { values, uniform } = parseFlags(words, FLAGS_OF[name]);
  let exitCode = EXIT_STOPPED;
  const program = makeProgram(terminal, (code) => {
    exitCode = code;
  });
  if (values.get("help") === true) {
    terminal.out(helpOf(program, name));
    return exitCode;
  }
  try {
    await program.parseAsync([name, ...uniform], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UsageError(inOurGrammar(error.message, name));
  }
  return exitCode;
}

/** Help of the whole program. */
export function programHelp(): string {
  return helpOf(
    makeProgram({ out() {}, error() {} }, () => {}),
    null,
  );
}

type Finish = (exitCode: number) => void;

function makeProgram(terminal: Terminal, finish: Finish): Command {
  const program = new Command("nodens")
    .description("DNS cache for one node, in place of node-cache.")
    .usage("[flags]\n       nodens COMMAND [flags]")
    .enablePositionalOptions()
    .helpOption(false)
    .helpCommand(false)
    .addHelpText("after", `\n${EXAMPLES}`);
  addFlags(program, RUN_FLAGS);
  addCheck(program, terminal, finish);
  addConfig(program, terminal, finish);
  addFmt(program, terminal, finish);
  addQuery(program, terminal, finish);
  addRules(program, terminal, finish);
  addStatus(program, terminal, finish);
  addCleanup(program, terminal, finish);
  addDoctor(program, terminal, finish);
  addInstall(program, terminal, finish);
  program
    .command("version")
    .usage("[flags]")
    .description("print the version")
    .option("--plugins", "print the plugins too")
    .action(async (options: { plugins?: boolean }) => {
      terminal.out(describeVersion());
      if (options.plugins !== true) return;
      const { PLUGIN_NAMES } = await import("../plugins/registry.ts");
      terminal.out(PLUGIN_NAMES.join("\n"));
    });
  program
    .command("help")
    .argument("[COMMAND]")
    .usage("[COMMAND]")
    .description("print help, of a command when one is named")
    .action((name?: string) => terminal.out(helpOf(program, name ?? null)));
  for (const command of [program, ...program.commands]) silence(command);
  return program;
}

function addCheck(program: Command, terminal: Terminal, finish: Finish): void {
  const check = program
    .command("check")
    .argument("[FILE]")
    .usage("[FILE] [flags]")
    .description("report everything that is wrong with a Corefile")
    .action(async (file: string | undefined, options: Record<string, unknown>) => {
      const { checkCommand, checkedInputs } = await import("./check_command.ts");
      const inputs = checkedInputs(runOptionsOf(options, CHECK_FLAGS), file ?? null);
      finish(await checkCommand({ inputs, json: options.json === true }, terminal));
    });
  addFlags(check, CHECK_FLAGS);
}

/** What the server would run with, given those of its flags that another command has. */
function runOptionsOf(given: Record<string, unknown>, flags: readonly Flag[]): RunOptions {
  const named = Object.entries(byFlagName(given, flags));
  return readRunOptions({ values: new Map(named.filter(([, value]) => value !== undefined)) });
}

function addConfig(program: Command, terminal: Terminal, finish: Finish): void {
  const config = program
    .command("config")
    .argument("[FILE]")
    .usage("[FILE] [flags]")
    .description("print what a Corefile means, with every default")
    .action(async (file: string | undefined, values: Record<string, unknown>) => {
      const { checkedInputs } = await import("./check_command.ts");
      const { configCommand } = await import("./config_command.ts");
      const inputs = checkedInputs(runOptionsOf(values, CONFIG_FLAGS), file ?? null);
      finish(await configCommand({ inputs, output: readConfigOutput(values) }, terminal));
    });
  addFlags(config, CONFIG_FLAGS);
}

function addFmt(program: Command, terminal: Terminal, finish: Finish): void {
  const fmt = program
    .command("fmt")
    .argument("[FILE...]")
    .usage("[FILE...] [flags]")
    .description("format a Corefile, to standard output")
    .action(async (files: string[], values: Record<string, unknown>) => {
      const options = readFmtOptions(byFlagName(values, FMT_FLAGS), files);
      const { fmtCommand } = await import("./fmt_command.ts");
      finish(fmtCommand(options, terminal));
    });
  addFlags(fmt, FMT_FLAGS);
}

function addQuery(program: Command, terminal: Terminal, finish: Finish): void {
  const query = program
    .command("query")
    .argument("[WORDS...]")
    .usage("NAME [TYPE] [@SERVER] [flags]")
    .description("ask a DNS server, that of this machine when none is named")
    .action(async (operands: string[], values: Record<string, unknown>) => {
      const { readQueryOptions } = await import("./query_flags.ts");
      const options = readQueryOptions(values, operands);
      const { queryCommand } = await import("./query_command.ts");
      finish(await queryCommand(options, terminal));
    });
  addFlags(query, QUERY_FLAGS);
}

function addDoctor(program: Command, terminal: Terminal, finish: Finish): void {
  const doctor = program
    .command("doctor")
    .usage("[flags]")
    .description("report what on this machine stands in the way of interception")
    .action(async (values: Record<string, unknown>) => {
      const { doctorCommand } = await import("./doctor_command.ts");
      const addresses = (values.localip as string[] | undefined) ?? [];
      const interfaceName = (values.interfacename as string | undefined) ?? "nodelocaldns";
      const json = values.json === true;
      finish(await doctorCommand({ addresses, interfaceName, json }, terminal));
    });
  addFlags(doctor, DOCTOR_FLAGS);
}

function addRules(program: Command, terminal: Terminal, finish: Finish): void {
  const rules = program
    .command("rules")
    .usage("-localip IPS [flags]")
    .description("print the iptables rules that an address needs, with reasons")
    .action(async (values: Record<string, unknown>) => {
      const options = readRulesOptions(byFlagName(values, RULES_FLAGS));
      const { rulesCommand } = await import("./rules_command.ts");
      finish(rulesCommand(options, terminal));
    });
  addFlags(rules, RULES_FLAGS);
}

function addStatus(program: Command, terminal: Terminal, finish: Finish): void {
  const status = program
    .command("status")
    .usage("[flags]")
    .description("report which addresses are taken over, by what, and what is amiss")
    .action(async (values: Record<string, unknown>) => {
      const { statusCommand } = await import("./status_command.ts");
      const options = readStatusOptions(byFlagName(values, STATUS_FLAGS));
      finish(await statusCommand(options, terminal));
    });
  addFlags(status, STATUS_FLAGS);
}

function addCleanup(program: Command, terminal: Terminal, finish: Finish): void {
  const cleanup = program
    .command("cleanup")
    .usage("[flags]")
    .description("remove what nodens or node-cache left on this node")
    .action(async (values: Record<string, unknown>) => {
      const { cleanupCommand } = await import("./cleanup_command.ts");
      const options = readCleanupOptions(byFlagName(values, CLEANUP_FLAGS));
      finish(await cleanupCommand(options, terminal));
    });
  addFlags(cleanup, CLEANUP_FLAGS);
}

function addInstall(program: Command, terminal: Terminal, finish: Finish): void {
  const install = program
    .command("install")
    .usage("-systemd [flags]")
    .description("make nodens a service of this machine, and its DNS")
    .action(async (values: Record<string, unknown>) => {
      const options = readInstallFlags(byFlagName(values, INSTALL_FLAGS));
      const { installCommand } = await import("./install_command.ts");
      finish(await installCommand(options, terminal));
    });
  addFlags(install, INSTALL_FLAGS);
  const uninstall = program
    .command("uninstall")
    .usage("[flags]")
    .description("take back what install has done")
    .action(async (values: Record<string, unknown>) => {
      const { uninstallCommand } = await import("./install_command.ts");
      const { dryRun, purge } = values;
      finish(
        await uninstallCommand({ isDryRun: dryRun === true, isPurge: purge === true }, terminal),
      );
    });
  addFlags(uninstall, UNINSTALL_FLAGS);
  const resolver = program
    .command("resolver")
    .usage("[flags]")
    .description("bring resolv.conf up to date after others have written it")
    .action(async () => {
      const { resolverCommand } = await import("./install_command.ts");
      finish(resolverCommand(terminal));
    });
  addFlags(resolver, RESOLVER_FLAGS);
}

function addFlags(command: Command, flags: readonly Flag[]): void {
  for (const flag of flags) {
    const option = new Option(`--${flag.name}${flag.value === null ? "" : ` <${flag.value}>`}`);
    const shown = flag.shownDefault === undefined ? "" : ` (default ${flag.shownDefault})`;
    option.description = flag.description + shown;
    option.helpGroup(`${flag.group}:`);
    if (flag.isHidden === true) option.hideHelp();
    if (flag.value === null) option.argParser(() => true);
    else if (flag.read !== undefined) option.argParser(flag.read);
    command.addOption(option);
  }
}

/** Commander makes `dryRun` of `dry-run`; the readers of options know flags by their own names. */
function byFlagName(
  values: Readonly<Record<string, unknown>>,
  flags: readonly Flag[],
): Record<string, unknown> {
  const named = flags.map(({ name }) => [name, values[new Option(`--${name}`).attributeName()]]);
  return Object.fromEntries(named);
}

/** Errors come to us as exceptions; help goes through `helpOf` alone. */
function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeErr() {}, writeOut() {} });
  command.helpOption(false);
  command.configureHelp({
    helpWidth: HELP_COLUMNS,
    optionTerm: (option) => flagTerm(option, command),
    subcommandTerm: (subcommand) => `${subcommand.name()} ${operandsOf(subcommand)}`.trimEnd(),
    visibleArguments: () => [],
    formatHelp: (helped, helper) => formatHelp(helped, helper, command.parent === null),
  });
}

/** Usage, what it is, and sections of terms with their descriptions, each as wide as it needs. */
function formatHelp(command: Command, helper: Help, isProgram: boolean): string {
  const sections = new Map<string, [string, string][]>();
  const add = (title: string, term: string, description: string) => {
    const rows = sections.get(title) ?? [];
    sections.set(title, rows);
    rows.push([term, description]);
  };
  for (const option of helper.visibleOptions(command)) {
    // Commands stand right after the flags that start the server.
    if (option.helpGroupHeading === "Information:" && !sections.has(COMMANDS)) {
      for (const child of helper.visibleCommands(command)) {
        add(COMMANDS, helper.subcommandTerm(child), child.description());
      }
    }
    add(option.helpGroupHeading ?? "Flags:", helper.optionTerm(option), option.description);
  }
  const description = `${command.description()[0].toUpperCase()}${command.description().slice(1)}`;
  const parts = [`Usage: ${isProgram ? "" : "nodens "}${command.name()} ${command.usage()}`];
  parts.push(description.endsWith(".") ? description : `${description}.`);
  for (const [title, rows] of sections) {
    const width = Math.max(...rows.map(([term]) => term.length));
    const lines = rows.map(([term, text]) => helper.formatItem(term, width, text, helper));
    parts.push([title, ...lines].join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

function flagTerm(option: Option, command: Command): string {
  const flags = FLAGS_OF[command.name()] ?? RUN_FLAGS;
  const flag = flags.find((candidate) => `--${candidate.name}` === option.long);
  if (flag === undefined) return option.flags.replace(/^--/, "-");
  const names = [...(flag.aliases ?? []), flag.name].map(spell).join(", ");
  return flag.value === null ? names : `${names} ${flag.value}`;
}

function operandsOf(command: Command): string {
  if (command.name() === "query") return "NAME [TYPE] [@SERVER]";
  return command.registeredArguments
    .map((argument) => `[${argument.name()}${argument.variadic ? "..." : ""}]`)
    .join(" ");
}

function helpOf(program: Command, name: string | null): string {
  let help = "";
  const command = name === null || name === "run" ? program : findCommand(program, name);
  command.configureOutput({
    writeOut(text) {
      help += text;
    },
  });
  command.outputHelp();
  return help.trimEnd();
}

function findCommand(program: Command, name: string): Command {
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (command === undefined) throw new UsageError(`Unknown command "${name}": see nodens help`);
  return command;
}

/** `error: too many arguments ...` to `Cannot run check: too many arguments ...`. */
function inOurGrammar(message: string, name: string): string {
  const text = message.replace(/^error: /, "").replace(/\.$/, "");
  return `Cannot run ${name}: ${text}`;
}
