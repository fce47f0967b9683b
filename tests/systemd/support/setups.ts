/** The ways in which machines keep their lists of DNS servers, each with a DHCP client. */

import { until } from "../../support/until.ts";
import { MACHINE_ADDRESS, SERVERS } from "./lan.ts";
import type { Machine, MachineOptions } from "./machine.ts";

export interface Setup extends Omit<MachineOptions, "network"> {
  readonly name: string;
  /** What `nodens install` calls it. */
  readonly described: string;
  /** Brings a freshly booted machine there. */
  readonly prepare?: (machine: Machine) => Promise<void>;
  /** Gets a lease, the first one or another, which names `server`. */
  readonly lease: (machine: Machine, server: string) => Promise<unknown>;
  /** Where the servers of the lease come to be. */
  readonly list: string;
}

const NETWORK = "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nUseDomains=yes\n";
const DHCLIENT = ["dhclient", "-1", "-pf", "/run/dhclient.pid", "-lf", "/run/dhclient.leases"];

async function dhclient(machine: Machine): Promise<void> {
  await machine.attempt([...DHCLIENT.with(1, "-x")]);
  await machine.run(...DHCLIENT, "eth0");
}

export const RESOLVED: Setup = {
  name: "systemd-resolved",
  described: "systemd-resolved",
  packages: ["systemd-resolved"],
  units: ["systemd-networkd.service", "systemd-resolved.service"],
  files: { "/etc/systemd/network/eth0.network": NETWORK },
  resolvConf: "../run/systemd/resolve/stub-resolv.conf",
  list: "/run/systemd/resolve/resolv.conf",
  prepare: async (machine) => {
    const hasAddress = async () =>
      (await machine.run("networkctl", "status", "eth0")).includes("DHCP4");
    await until("networkd has a lease", hasAddress);
  },
  lease: async (machine) => await machine.run("networkctl", "renew", "eth0"),
};

export const RESOLVCONF: Setup = {
  name: "resolvconf",
  described: "resolvconf",
  packages: ["resolvconf", "isc-dhcp-client"],
  resolvConf: "/run/resolvconf/resolv.conf",
  list: "/run/resolvconf/resolv.conf",
  prepare: async (machine) => {
    await machine.run("mkdir", "-p", "/run/resolvconf/interface");
    await machine.run("resolvconf", "--enable-updates");
  },
  lease: dhclient,
};

export const OPENRESOLV: Setup = {
  name: "openresolv",
  described: "resolvconf",
  packages: ["openresolv", "isc-dhcp-client"],
  files: { "/etc/resolv.conf": "" },
  list: "/etc/resolv.conf",
  lease: dhclient,
};

export const PLAIN_FILE: Setup = {
  name: "a plain resolv.conf",
  described: "/etc/resolv.conf",
  packages: ["isc-dhcp-client"],
  files: { "/etc/resolv.conf": "# nobody yet\n" },
  list: "/etc/resolv.conf",
  lease: dhclient,
};

/** As NetworkManager does it: the file is kept whatever leads to it. */
const KEPT = "/run/NetworkManager/resolv.conf";

export const LINKED_FILE: Setup = {
  name: "a link to somebody's resolv.conf",
  described: `the keeper of ${KEPT}`,
  resolvConf: `..${KEPT}`,
  list: KEPT,
  prepare: async (machine) => {
    await machine.run("ip", "address", "add", `${MACHINE_ADDRESS}/24`, "dev", "eth0");
    await machine.run("ip", "route", "add", "default", "via", SERVERS[0].address);
  },
  lease: async (machine, server) =>
    machine.write(KEPT, `search example.net\nnameserver ${server}\n`),
};
