/** A machine on its network, with the executable at hand. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";
import { Lan, SERVERS } from "./lan.ts";
import { Machine } from "./machine.ts";
import type { Setup } from "./setups.ts";

export const EXECUTABLE = join(import.meta.dirname, "..", "..", "..", "dist", "nodens");
export const INSTALLED = "/usr/local/bin/nodens";
export const ADDRESS = "169.254.20.10";

export class Stage {
  readonly lan: Lan;
  readonly machine: Machine;
  readonly #setup: Setup;

  private constructor(lan: Lan, machine: Machine, setup: Setup) {
    this.lan = lan;
    this.machine = machine;
    this.#setup = setup;
  }

  /** Boots a machine and waits for the DNS server that DHCP names. */
  static async make(context: Ending & { passed?: boolean }, setup: Setup): Promise<Stage> {
    const lan = await Lan.make(context);
    const machine = await Machine.boot(context, { ...setup, network: lan.machine });
    const stage = new Stage(lan, machine, setup);
    cleanUp(context, async () => {
      if (context.passed === false) console.log(await machine.story());
    });
    await setup.prepare?.(machine);
    await stage.getLease(0);
    return stage;
  }

  /** DHCP names that one of the servers from now on, and the machine has heard of it. */
  async getLease(number: 0 | 1): Promise<void> {
    const { address } = SERVERS[number];
    await this.lan.nameServer(address);
    await this.#setup.lease(this.machine, address);
    const isKnown = () => this.machine.read(this.#setup.list)?.includes(address) === true;
    await until(`${address} is in ${this.#setup.list}`, isKnown);
  }

  /** Looks a name up until that server gives the answer. */
  async answersFrom(number: 0 | 1, name: string): Promise<void> {
    const { answer } = SERVERS[number];
    let turn = 0;
    await until(`${name} is ${answer}`, async () => {
      const found = await this.machine.lookUp(`${name}${turn++}.example.org`);
      return found.length === 1 && found[0] === answer;
    });
  }

  /** Looks names up until nodens is asked for them. */
  async asksNodens(name: string): Promise<void> {
    let turn = 0;
    await until("the machine asks nodens", async () => {
      const asked = await this.askedCount();
      await this.machine.lookUp(`${name}${turn++}.example.org`);
      return (await this.askedCount()) > asked;
    });
  }

  /** `nodens install` as somebody does it who has just fetched the executable. */
  async install(...flags: string[]): Promise<string> {
    return await this.machine.run(EXECUTABLE, "install", "--systemd", ...flags);
  }

  /** Waits until the rules are there by which that server is asked while nodens is gone. */
  async fallsBackTo(number: 0 | 1): Promise<void> {
    const target = `--to-destination ${SERVERS[number].address}:53`;
    const isThere = async () =>
      (await this.machine.run("iptables-save", "-t", "nat")).split(target).length > 4;
    await until(`the fallback is ${SERVERS[number].address}`, isThere);
  }

  /** How often nodens itself was asked for anything. */
  async askedCount(): Promise<number> {
    const text = await this.machine.run("curl", "-s", "http://127.0.0.1:9253/metrics");
    const lines = text.split("\n").filter((line) => line.startsWith("coredns_dns_requests_total{"));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** All of the machine that an installation could have touched. */
  async snapshot(): Promise<string> {
    const find = [
      "cd / && find etc usr/local/bin var/lib/nodens -type f -printf '%p %m %U %G %s\\n' -o",
      "-type l -printf '%p %l\\n' -o -type d -printf '%p %m\\n'",
      "; find etc -type f -exec sha256sum {} +",
      "; iptables-save | grep '^-'; ip -o link",
    ];
    const text = await this.machine.run("sh", "-c", `${find.join(" ")} 2>/dev/null`);
    return text.split("\n").sort().join("\n");
  }
}

/** Whether two snapshots are the same; what differs is shown and nothing else. */
export function assertSame(after: string, before: string): void {
  const [one, other] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  const missing = [...one].filter((line) => !other.has(line));
  const added = [...other].filter((line) => !one.has(line));
  assert.deepEqual({ missing, added }, { missing: [], added: [] });
}
