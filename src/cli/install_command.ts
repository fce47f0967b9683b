/** `nodens install`, `nodens uninstall` and `nodens resolver`: nodens as a service of a machine. */

import { InstallError, systemHost } from "../install/host.ts";
import { install } from "../install/installation.ts";
import { type RemovalOptions, uninstall } from "../install/removal.ts";
import { syncResolver } from "../install/resolver_sync.ts";
import { askServer, NoAnswerError } from "./dns_client.ts";
import type { InstallFlags } from "./install_flags.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED } from "./usage_error.ts";

const PROBE_MS = 5000;
const DNS_PORT = 53;

/** Prints a line for each change; returns 1 when all has been taken back. */
export async function installCommand(flags: InstallFlags, terminal: Terminal): Promise<number> {
  const { probe, ...options } = flags;
  return await reporting(terminal, async () => {
    await install(systemHost, {
      ...options,
      say: (text) => terminal.out(text),
      prove: async (address) => await ask(probe, address),
    });
    if (!flags.isDryRun) terminal.out(`this machine's DNS is nodens on ${flags.address}`);
  });
}

export async function uninstallCommand(
  options: Omit<RemovalOptions, "say">,
  terminal: Terminal,
): Promise<number> {
  return await reporting(terminal, async () => {
    await uninstall(systemHost, { ...options, say: (text) => terminal.out(text) });
  });
}

export function resolverCommand(terminal: Terminal): number {
  const written = syncResolver(systemHost);
  if (written === null) {
    terminal.error("nodens: Cannot follow resolv.conf: nodens is not installed: nodens install");
    return EXIT_FAILED;
  }
  terminal.out(written.length === 0 ? "nothing has changed" : `wrote ${written.join(", ")}`);
  return EXIT_STOPPED;
}

async function reporting(terminal: Terminal, act: () => Promise<void>): Promise<number> {
  try {
    await act();
    return EXIT_STOPPED;
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    terminal.error(`nodens: ${error.message}`);
    return EXIT_FAILED;
  }
}

/** Any answer will do that an upstream may have given; SERVFAIL is ours, for want of one. */
async function ask(name: string, server: string): Promise<string | null> {
  const type = name === "." ? "NS" : "A";
  const where = { server, port: DNS_PORT, tcp: false, timeoutMs: PROBE_MS };
  try {
    const { packet } = await askServer({ name, type, dnssec: false }, where);
    const { rcode } = packet as { rcode?: string };
    if (rcode !== "SERVFAIL") return null;
    return `no upstream answers for "${name}" (-probe names another one)`;
  } catch (error) {
    if (error instanceof NoAnswerError) return error.message;
    throw error;
  }
}
