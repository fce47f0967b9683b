/**
 * The network of a machine: two DNS servers, a DHCP server that names one of them, and a way to
 * change which one. Both are dnsmasq, in a namespace of their own.
 *
 *     machine eth0 192.0.2.10 ──── lan 192.0.2.53, 192.0.2.54
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  enter,
  newNames,
  type PlaceNames,
  removeLeftovers,
  removeNamespace,
  run,
} from "../../netns/support/namespaces.ts";
import { cleanUp, type Ending } from "../../support/clean_up.ts";
import { until } from "../../support/until.ts";

/** Each answers every name below example.org with an address of its own. */
export const SERVERS = [
  { address: "192.0.2.53", answer: "198.51.100.53" },
  { address: "192.0.2.54", answer: "198.51.100.54" },
] as const;

export const MACHINE_ADDRESS = "192.0.2.10";

export class Lan {
  /** The network namespace of the machine. */
  readonly machine: string;
  /** The name for one of a container; it is for the test to make. */
  readonly container: string;
  readonly #lan: string;
  readonly #folder: string;
  #dhcp: ChildProcess | null = null;

  private constructor({ node, pod, cluster }: PlaceNames, folder: string) {
    this.machine = node;
    this.container = pod;
    this.#lan = cluster;
    this.#folder = folder;
  }

  /** Lets DHCP name the first server. */
  static async make(context: Ending): Promise<Lan> {
    await removeLeftovers();
    const names = newNames();
    const { node, cluster } = names;
    const folder = mkdtempSync(join(tmpdir(), "nodens-lan-"));
    cleanUp(context, () => rmSync(folder, { recursive: true }));
    const lan = new Lan(names, folder);
    for (const name of [node, cluster]) {
      await run(["ip", "netns", "add", name]);
      cleanUp(context, async () => await removeNamespace(name));
      await run(["ip", "-n", name, "link", "set", "lo", "up"]);
    }
    const pair = ["type", "veth", "peer", "name", "lan0", "netns", cluster];
    await run(["ip", "-n", node, "link", "add", "eth0", ...pair]);
    await run(["ip", "-n", cluster, "link", "set", "lan0", "up"]);
    await run(["ip", "-n", node, "link", "set", "eth0", "up"]);
    for (const [index, { address, answer }] of SERVERS.entries()) {
      await run(["ip", "-n", cluster, "address", "add", `${address}/24`, "dev", "lan0"]);
      lan.#start([`--listen-address=${address}`, `--address=/example.org/${answer}`], index);
    }
    await lan.nameServer(SERVERS[0].address);
    return lan;
  }

  /** From now on DHCP names this DNS server, to whoever asks next. */
  async nameServer(address: string): Promise<void> {
    if (this.#dhcp !== null) {
      this.#dhcp.kill("SIGKILL");
      await until("the DHCP server has ended", () => this.#dhcp?.signalCode !== null);
    }
    this.#dhcp = this.#start(
      [
        "--port=0",
        "--dhcp-authoritative",
        `--dhcp-range=${MACHINE_ADDRESS},${MACHINE_ADDRESS},255.255.255.0,120`,
        `--dhcp-option=option:dns-server,${address}`,
        "--dhcp-option=option:domain-search,example.net",
        // It would wait for seconds whether somebody answers.
        "--no-ping",
        `--dhcp-leasefile=${join(this.#folder, "leases")}`,
      ],
      2,
    );
    await this.#listens(67);
  }

  /** A request that comes too early is asked again after a minute. */
  async #listens(port: number): Promise<void> {
    const [program, ...args] = [...enter(this.#lan), "ss", "-Hlun", `sport = :${port}`];
    await until(
      `somebody listens on port ${port}`,
      async () => (await run([program!, ...args])) !== "",
    );
  }

  #start(args: readonly string[], number: number): ChildProcess {
    const common = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"];
    common.push("--bind-interfaces", "--user=root", `--pid-file=${this.#folder}/${number}.pid`);
    const [program, ...words] = [...enter(this.#lan), "dnsmasq", ...common, ...args];
    return spawn(program!, words, { stdio: "ignore" });
  }
}
