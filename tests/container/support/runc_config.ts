/**
 * The configuration of a container as a kubelet and containerd would have it for a pod with
 * hostNetwork: for runc, which is what runs it there, too.
 */

import { readFileSync, statSync } from "node:fs";

/** Something of the machine at a place in the container. */
export interface ContainerMount {
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
}

export interface ContainerSpec {
  /** The image's root file system; shared, never written to. See image.ts. */
  readonly rootfs: string;
  /** Behind the entry point, as `args` of a manifest. */
  readonly args: readonly string[];
  /** In place of the image's entry point, as `command` of a manifest. Default `/nodens`. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly mounts?: readonly ContainerMount[];
  /** Default none. */
  readonly memoryLimitBytes?: number;
  /** `net_admin` is what a runtime leaves to a container by default, and NET_ADMIN. */
  readonly privileges: "privileged" | "net_admin";
  /** The network namespace that is its host's, by name. */
  readonly netns: string;
  /** `readOnlyRootFilesystem` of a manifest. */
  readonly readOnlyRoot: boolean;
}

const DEFAULT_CAPABILITIES = [
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"],
  ...["NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
];
/** All of them, each at its number in the kernel. */
const CAPABILITIES = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"],
  ...["SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW"],
  ...["IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT"],
  ...["SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD"],
  ...["LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG"],
  ...["WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"],
];
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What a container without privileges may not see, and may only read. */
const MASKED_PATHS = [
  ...["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
  ...["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
];
const READ_ONLY_PATHS = [
  ...["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
];
const TUN = { path: "/dev/net/tun", type: "c", major: 10, minor: 200 };

/** The contents of config.json; `rootfs` in there is beside it, and the group its control group. */
export function runcConfig(spec: ContainerSpec, group: string): object {
  const isPrivileged = spec.privileges === "privileged";
  const names = isPrivileged ? ownCapabilities() : [...DEFAULT_CAPABILITIES, "NET_ADMIN"];
  const capabilities = names.map((name) => `CAP_${name}`);
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: [...(spec.command ?? ["/nodens"]), ...spec.args],
      env: Object.entries({ PATH, ...spec.env }).map(([name, value]) => `${name}=${value}`),
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: "rootfs", readonly: spec.readOnlyRoot },
    mounts: [...systemMounts(isPrivileged), ...(spec.mounts ?? []).map(bindMount)],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "ipc" },
        { type: "mount" },
        { type: "network", path: `/run/netns/${spec.netns}` },
      ],
      cgroupsPath: `/${group}`,
      // Privileged containers have all devices of their machine; this is the one that matters.
      devices: isPrivileged && hasTun() ? [{ ...TUN, fileMode: 0o666, uid: 0, gid: 0 }] : [],
      resources: {
        devices: isPrivileged
          ? [{ allow: true, access: "rwm" }]
          : [
              { allow: false, access: "rwm" },
              // Devices may be made; whether they may be opened is the runtime's choice.
              { allow: true, type: "c", access: "m" },
              { allow: true, type: "b", access: "m" },
            ],
        ...(spec.memoryLimitBytes === undefined
          ? {}
          : { memory: { limit: spec.memoryLimitBytes } }),
      },
      ...(isPrivileged ? {} : { maskedPaths: MASKED_PATHS, readonlyPaths: READ_ONLY_PATHS }),
    },
  };
}

/** All that there are to give: a machine for tests may itself be a container that lacks some. */
function ownCapabilities(): string[] {
  const status = readFileSync("/proc/self/status", "utf8");
  const mask = BigInt(`0x${/^CapEff:\t(\w+)$/m.exec(status)?.[1] ?? "0"}`);
  return CAPABILITIES.filter((_name, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

function systemMounts(isPrivileged: boolean): object[] {
  const safe = ["nosuid", "noexec", "nodev"];
  const devices = ["nosuid", "strictatime", "mode=755", "size=65536k"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: devices },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: [...safe, isPrivileged ? "rw" : "ro"],
    },
  ];
}

function bindMount({ source, destination, readOnly }: ContainerMount): object {
  const options = ["rbind", "rprivate", readOnly ? "ro" : "rw"];
  return { destination, type: "bind", source, options };
}

function hasTun(): boolean {
  return statSync(TUN.path, { throwIfNoEntry: false }) !== undefined;
}
