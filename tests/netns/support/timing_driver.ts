/**
 * Times what interception does to the node, rules and lease, in the namespace that it is started
 * in: install and teardown again and again. Prints the best of each as JSON, in ms: what a busy
 * machine adds is not ours.
 */

import process from "node:process";
import { makeLease } from "../../../src/net/choose_lease.ts";
import { desiredRules } from "../../../src/net/desired_rules.ts";
import { Iptables } from "../../../src/net/iptables.ts";
import type { InterceptSettings } from "../../../src/net/settings.ts";
import { systemCommands } from "../../../src/sys/commands.ts";
import { openControlKernel } from "../../../src/sys/open_kernel.ts";

export interface BestTimes {
  /** Lease opened, rules installed, addresses taken. */
  readonly install: number;
  readonly dropLease: number;
  readonly removeRules: number;
}

const ROUNDS = 20;

async function main(): Promise<void> {
  const addresses = ["192.0.2.10", "198.51.100.10", "2001:db8::a", "2001:db8::b"];
  const common = { addresses, port: 53, lease: "tun" } as const;
  const rules = desiredRules({ ...common, healthPort: 8080, fallbacks: new Map() });
  const settings = { ...common, interfaceName: "nodelocaldns" } as unknown as InterceptSettings;
  const kernel = openControlKernel();
  const rounds: BestTimes[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const iptables = new Iptables();
    const lease = makeLease("tun", settings, { kernel, commands: systemCommands });
    const install = await timeOf(async () => {
      await lease.open();
      await iptables.reconcile(rules);
      await lease.take();
    });
    const dropLease = await timeOf(() => lease.drop());
    const removeRules = await timeOf(() => iptables.reconcile([]));
    await lease.close();
    rounds.push({ install, dropLease, removeRules });
  }
  const best = (of: (times: BestTimes) => number) => Math.min(...rounds.map(of));
  const times: BestTimes = {
    install: best(({ install }) => install),
    dropLease: best(({ dropLease }) => dropLease),
    removeRules: best(({ removeRules }) => removeRules),
  };
  process.stdout.write(`${JSON.stringify(times)}\n`);
}

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

if (import.meta.main) await main();
