/** Checks of what kernel and container allow: features, leases, capabilities, limits. */

import { CHANNELS_MAX, TCP_CLIENTS_MAX } from "../limits.ts";
import {
  bad,
  CAPABILITY_NAMES,
  type Capability,
  capabilitiesOf,
  type Facts,
  type Finding,
  good,
  isRoot,
  note,
  readValue,
  type Subject,
} from "./doctor_facts.ts";
import { tryMatches } from "./doctor_iptables.ts";
import { familyOfAddress } from "./settings.ts";

const TUN_PATH = "/dev/net/tun";
/** nftables tables that belong to a socket (`flags owner`). */
const OWNER_TABLES_SINCE = [5, 12] as const;
const DESCRIPTORS_MIN = CHANNELS_MAX + TCP_CLIENTS_MAX + 512;

export function checkKernel(facts: Facts): Finding[] {
  const release = readValue(facts, "/proc/sys/kernel/osrelease");
  if (release === null) {
    return [note("kernel", "its version cannot be read", "see that /proc is mounted")];
  }
  if (hasOwnerTables(facts)) return [good("kernel", `${release}, has all that is used`)];
  const found = `${release}, without nftables tables that go with their owner`;
  return [note("kernel", found, "the lease nft needs Linux 5.12; make the lease tun possible")];
}

/** Which capabilities are there, and who lacks one. */
export function checkCapabilities(facts: Facts): Finding[] {
  const held = capabilitiesOf(facts);
  const missing = CAPABILITY_NAMES.filter((name) => isNeeded(name, facts) && !held.has(name));
  if (missing.length === 0) return [good("capabilities", [...held].join(", ") || "none needed")];
  const found = `without ${missing.join(", ")}`;
  if (!isRoot(facts)) {
    return [note("capabilities", found, "run this as nodens runs: as root or in its container")];
  }
  const names = missing.join(", ");
  const fix = `add ${names} to securityContext.capabilities.add, or to the unit's capabilities`;
  return [
    missing.includes("NET_ADMIN")
      ? bad("capabilities", found, fix)
      : note("capabilities", found, fix),
  ];
}

/** Each kind of lease: whether it is to be had here, and why not. */
export async function checkLeases(facts: Facts): Promise<Finding[]> {
  const problems = [
    { kind: "tun", problem: tunProblem(facts) },
    { kind: "nft", problem: await nftProblem(facts) },
    { kind: "socket", problem: await socketProblem(facts) },
  ];
  const working = problems.filter(({ problem }) => problem === null).map(({ kind }) => kind);
  const reasons = problems
    .filter(({ problem }) => problem !== null)
    .map(({ kind, problem }) => `${kind} not: ${problem}`);
  const found = [working.length > 0 ? `${working.join(", ")} can be had` : "only none", ...reasons];
  const text = found.join("; ");
  if (working.includes("tun") || working.includes("nft")) return [good("lease", text)];
  const fix =
    `give the container ${TUN_PATH} and the capabilities NET_ADMIN and MKNOD, ` +
    "or a kernel from 5.12 on";
  if (!isRoot(facts))
    return [note("lease", text, "run this as root or in the container of nodens")];
  const effect = working.length > 0 ? "host processes lose DNS" : "the node loses DNS";
  const level = working.length > 0 ? note : bad;
  return [level("lease", `${text}; when nodens dies ${effect}`, fix)];
}

/** Node raises the soft limit to the hard one at its start. */
export function checkOpenFiles(facts: Facts): Finding[] {
  const limits = facts.readFile("/proc/self/limits") ?? "";
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  if (hard === undefined) {
    return [note("open files", "the limit cannot be read", "see that /proc is mounted")];
  }
  if (hard === "unlimited" || Number(hard) >= DESCRIPTORS_MIN) {
    return [good("open files", `${soft === hard ? soft : `${soft}, up to ${hard}`} at once`)];
  }
  const found = `${hard} at once, and ${DESCRIPTORS_MIN} may be needed`;
  return [bad("open files", found, `raise the limit: LimitNOFILE=65536, ulimit -n 65536`)];
}

export function checkIpv6(facts: Facts, { addresses }: Subject): Finding[] {
  const wanted = addresses.filter((address) => familyOfAddress(address) === 6);
  const values = ["all", "default"].map((name) => ({
    name,
    value: readValue(facts, `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`),
  }));
  const off = values.filter(({ value }) => value !== "0");
  if (off.length === 0) return [good("IPv6", "is on")];
  const isAbsent = off.every(({ value }) => value === null);
  const found = isAbsent ? "the kernel has none" : "is switched off";
  if (wanted.length === 0) return [good("IPv6", `${found}, and no IPv6 address is asked for`)];
  const settings = off.map(({ name }) => `net.ipv6.conf.${name}.disable_ipv6=0`).join(" ");
  const fix = `leave ${wanted.join(", ")} out of -localip`;
  return [bad("IPv6", found, isAbsent ? fix : `sysctl -w ${settings}, or ${fix}`)];
}

function isNeeded(name: Capability, facts: Facts): boolean {
  switch (name) {
    case "MKNOD":
      return facts.openError(TUN_PATH) === "ENOENT";
    case "NET_BIND_SERVICE": {
      const start = readValue(facts, "/proc/sys/net/ipv4/ip_unprivileged_port_start");
      return Number(start ?? 1024) > 53;
    }
    default:
      return true;
  }
}

function hasOwnerTables(facts: Facts): boolean {
  const release = readValue(facts, "/proc/sys/kernel/osrelease") ?? "";
  const [, major, minor] = /^([0-9]+)\.([0-9]+)/.exec(release) ?? [];
  const [wantedMajor, wantedMinor] = OWNER_TABLES_SINCE;
  const isSameMajor = Number(major) === wantedMajor;
  return isSameMajor ? Number(minor) >= wantedMinor : Number(major) > wantedMajor;
}

function tunProblem(facts: Facts): string | null {
  const held = capabilitiesOf(facts);
  if (!held.has("NET_ADMIN")) return "it needs NET_ADMIN";
  const code = facts.openError(TUN_PATH);
  switch (code) {
    case null:
      return null;
    case "ENOENT":
      return held.has("MKNOD")
        ? null
        : `${TUN_PATH} is not there, and cannot be made without MKNOD`;
    case "EPERM":
    case "EACCES":
      return `${TUN_PATH} may not be opened: the container's rules for devices forbid it`;
    case "ENODEV":
    case "ENXIO":
      return "the kernel has no tun: modprobe tun";
    default:
      return `${TUN_PATH} cannot be opened: ${code}`;
  }
}

async function nftProblem(facts: Facts): Promise<string | null> {
  if (!capabilitiesOf(facts).has("NET_ADMIN")) return "it needs NET_ADMIN";
  if (!hasOwnerTables(facts)) return "it needs Linux 5.12";
  // nodens itself does without this program; where it is, it tells whether the kernel has nftables.
  if (!facts.commands.has("nft")) return null;
  const { code, stderr } = await facts.commands.run("nft", ["list", "tables"]);
  return code === 0 ? null : `the kernel has no nftables: ${stderr.trim().split("\n")[0]}`;
}

async function socketProblem(facts: Facts): Promise<string | null> {
  const { missing, problem } = await tryMatches(facts);
  if (problem !== null) return problem;
  return missing.includes("socket") ? "the kernel has no xt_socket: modprobe xt_socket" : null;
}
