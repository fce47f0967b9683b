/**
 * Who manages the names of DNS servers on a machine, and how each of them is brought to name
 * nodens:
 *
 *   resolved    a drop-in of systemd-resolved, which lists the servers of its links in a file
 *   resolvconf  a record of resolvconf or openresolv, which list all servers in /etc/resolv.conf
 *   link        /etc/resolv.conf leads to a file that somebody keeps: it leads to ours from now on
 *   file        /etc/resolv.conf is a file that others write: it is written again after them
 */

import { dirname, resolve } from "node:path";
import { type Found, fileOf, type Host, InstallError, look, readText } from "./host.ts";
import { isOurs, nameserversOf, withNodens } from "./resolv_conf.ts";
import type { ResolverKind } from "./state.ts";
import { UNIT_TEXTS, type UnitName } from "./unit_texts.ts";

export const RESOLV_CONF = "/etc/resolv.conf";
/** Where the text of a `file` is kept that others have written. */
export const FOUND_RESOLV_CONF = "/var/lib/nodens/resolv.conf";
/** What /etc/resolv.conf leads to in place of a `link`. */
export const OUR_RESOLV_CONF = "/etc/nodens/resolv.conf";
export const RESOLVED_LIST = "/run/systemd/resolve/resolv.conf";
export const UNITS = "/etc/systemd/system";
/** What is started with the machine: what `systemctl enable` would make. */
export const WANTS = `${UNITS}/multi-user.target.wants`;

export interface Resolver {
  readonly kind: ResolverKind;
  /** The file that `forward` follows. */
  readonly upstreams: string;
  /** What nodens-resolver.path watches; empty where nobody has to. */
  readonly watched: string;
  /** For people. */
  readonly description: string;
}

/** Finds out who it is. @throws {InstallError} where there is nobody to go by. */
export async function findResolver(host: Host): Promise<Resolver> {
  const found = look(host, RESOLV_CONF);
  const target = found.kind === "link" ? resolve(dirname(RESOLV_CONF), found.target) : null;
  const isRunning = (await host.commands.run("systemctl", ["is-active", "systemd-resolved"])).code;
  const servers = nameserversOf(readText(host, RESOLV_CONF) ?? "");
  if (isRunning === 0 && (isResolvedLink(target) || servers.includes("127.0.0.53"))) {
    return resolverOf("resolved", "");
  }
  if (host.commands.has("resolvconf") && hasResolvconf(host, target)) {
    return resolverOf("resolvconf", "");
  }
  if (target !== null && target !== OUR_RESOLV_CONF) {
    if (readText(host, target) === null) {
      const advice = "put a resolv.conf there, or use -keep-resolver";
      throw new InstallError(`Cannot follow ${RESOLV_CONF}: it leads to ${target}: ${advice}`);
    }
    // NetworkManager lists here what it found, whatever it writes elsewhere.
    const full = `${dirname(target)}/no-stub-resolv.conf`;
    return resolverOf("link", readText(host, full) === null ? target : full);
  }
  return resolverOf("file", RESOLV_CONF);
}

/** That of an earlier installation, which is not to be looked for: it is us by now. */
export function resolverOf(kind: ResolverKind, watched: string): Resolver {
  switch (kind) {
    case "resolved":
      return { kind, upstreams: RESOLVED_LIST, watched: "", description: "systemd-resolved" };
    case "resolvconf":
      return { kind, upstreams: RESOLV_CONF, watched: "", description: "resolvconf" };
    case "link":
      return { kind, upstreams: watched, watched, description: `the keeper of ${watched}` };
    case "file":
      return { kind, upstreams: FOUND_RESOLV_CONF, watched, description: RESOLV_CONF };
    case "none":
      return { kind, upstreams: RESOLV_CONF, watched: "", description: "nobody" };
  }
}

function isResolvedLink(target: string | null): boolean {
  return target !== null && /\/systemd\/(?:resolve\/)?[a-z-]*resolv\.conf$/.test(target);
}

/**
 * That of Debian keeps what /etc/resolv.conf leads to, and openresolv the file itself. `resolvectl`
 * calls itself resolvconf, too, where systemd-resolved stands in for it.
 */
function hasResolvconf(host: Host, target: string | null): boolean {
  if (target === null) return readText(host, "/etc/resolvconf.conf") !== null;
  return target === "/run/resolvconf/resolv.conf";
}

/** Files to be put, by path, and what has to be run behind that. */
export interface ResolverChange {
  readonly files: ReadonlyMap<string, Found>;
  readonly commands: readonly (readonly string[])[];
}

/** The link by which a unit is started with the machine. */
export function wanted(unit: UnitName): Found {
  return { kind: "link", target: `${UNITS}/${unit}` };
}

/** What has to be there before nodens starts: its upstreams. */
export function beforeStart(host: Host, { kind, upstreams }: Resolver): ResolverChange {
  const files = new Map<string, Found>();
  const text = readText(host, RESOLV_CONF) ?? "";
  if (kind === "file" && !isOurs(text)) files.set(upstreams, fileOf(text));
  return { files, commands: [] };
}

/** What brings this machine to ask nodens. */
export function pointAt(host: Host, resolver: Resolver, address: string): ResolverChange {
  const { kind, watched } = resolver;
  const files = new Map<string, Found>();
  const fill = (name: UnitName) =>
    fileOf(UNIT_TEXTS[name].replaceAll("@ADDRESS@", address).replaceAll("@WATCHED@", watched));
  if (kind === "resolved") {
    files.set("/etc/systemd/resolved.conf.d/nodens.conf", fill("resolved.conf"));
    return { files, commands: [["systemctl", "restart", "systemd-resolved"]] };
  }
  if (kind === "resolvconf") {
    files.set(`${UNITS}/nodens.service.d/resolvconf.conf`, fill("resolvconf.conf"));
    return { files, commands: [["systemctl", "daemon-reload"], addRecord(address)] };
  }
  if (kind === "none") return { files, commands: [] };
  for (const [path, text] of followed(host, { kind, watched, address })) files.set(path, text);
  if (kind === "link") files.set(RESOLV_CONF, { kind: "link", target: OUR_RESOLV_CONF });
  files.set(`${UNITS}/nodens-resolver.service`, fill("nodens-resolver.service"));
  files.set(`${UNITS}/nodens-resolver.path`, fill("nodens-resolver.path"));
  files.set(`${WANTS}/nodens-resolver.path`, wanted("nodens-resolver.path"));
  const start = ["systemctl", "restart", "nodens-resolver.path"];
  return { files, commands: [["systemctl", "daemon-reload"], start] };
}

interface Followed {
  readonly kind: ResolverKind;
  readonly watched: string;
  readonly address: string;
}

/** Files that follow from what others have written meanwhile; none where that is up to date. */
export function followed(host: Host, { kind, watched, address }: Followed): Map<string, Found> {
  const files = new Map<string, Found>();
  const text = readText(host, watched);
  if (text === null) return files;
  if (kind === "link") {
    files.set(OUR_RESOLV_CONF, fileOf(withNodens(text, { address, source: watched })));
  } else if (kind === "file" && !isOurs(text) && nameserversOf(text).length > 0) {
    files.set(FOUND_RESOLV_CONF, fileOf(text));
    files.set(RESOLV_CONF, fileOf(withNodens(text, { address, source: FOUND_RESOLV_CONF })));
  }
  return files;
}

export interface CommandsBehind {
  /** Before files are put back. */
  readonly first: readonly (readonly string[])[];
  /** When they are. */
  readonly last: readonly (readonly string[])[];
}

/** What has to be run around putting files back. Who is not there any more is no obstacle. */
export function commandsBehind(kind: ResolverKind): CommandsBehind {
  const stop = ["systemctl", "stop", "nodens-resolver.path", "nodens-resolver.service"];
  switch (kind) {
    case "resolved":
      return { first: [], last: [["systemctl", "restart", "systemd-resolved"]] };
    case "resolvconf":
      return { first: [], last: [["resolvconf", "-d", "lo.nodens"]] };
    case "file":
    case "link":
      return { first: [stop], last: [] };
    case "none":
      return { first: [], last: [] };
  }
}

function addRecord(address: string): readonly string[] {
  // It fails with the hook of any program that is told of it; the record is there all the same.
  const text = `echo "nameserver ${address}" | IF_METRIC=0 resolvconf -a lo.nodens || true`;
  return ["sh", "-c", text];
}
