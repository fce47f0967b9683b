/**
 * What may be in the image, by names: a second look, which knows nothing of how it is put together.
 * Anything that no line here names is a mistake, a shell or a package manager most of all.
 */

import { type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";

const LIBRARIES = [
  ...["atomic", "bpf", "bsd", "c", "cap", "dl", "elf", "gcc_s", "ip4tc", "ip6tc", "m", "md", "mnl"],
  ...["netfilter_conntrack", "nfnetlink", "nftnl", "pthread", "stdc\\+\\+", "xtables", "z"],
];

const ALLOWED: readonly RegExp[] = [
  /^(nodens|node-cache)$/,
  // Links into /usr, folders that runtimes mount something on.
  /^(bin|lib|lib64|sbin)$/,
  /^(dev|etc|proc|run|sys|tmp)$/,
  /^etc\/nsswitch\.conf$/,
  /^etc\/ssl(\/certs(\/ca-certificates\.crt)?)?$/,
  /^usr(\/(bin|lib|lib64|sbin|share))?$/,
  /^usr\/bin\/ip$/,
  /^usr\/sbin\/(ip|ip6?tables(-(nft|legacy))?(-(save|restore))?|xtables-(nft|legacy)-multi)$/,
  /^usr\/lib\/(x86_64|aarch64)-linux-gnu(\/xtables(\/lib(xt|ipt|ip6t)_\w+\.so)?)?$/,
  new RegExp(
    `^usr/lib/(x86_64|aarch64)-linux-gnu/lib(${LIBRARIES.join("|")})([.-][\\d.]+)?\\.so[.\\d]*$`,
  ),
  /^usr\/lib(64)?(\/(x86_64|aarch64)-linux-gnu)?\/ld-linux-(x86-64\.so\.2|aarch64\.so\.1)$/,
  /^usr\/share\/(doc|common-licenses)$/,
  /^usr\/share\/common-licenses\/[\w.-]+$/,
  /^usr\/share\/doc\/[\w.+-]+(\/copyright)?$/,
  /^usr\/share\/doc\/nodens\/[\w.-]+$/,
];

export interface FoundFile {
  /** From the root, without a slash before it. */
  readonly path: string;
  readonly kind: "file" | "link" | "folder" | "other";
}

/** All that is in a folder, in the order of paths. */
export function listTree(folder: string, path = ""): FoundFile[] {
  const entries = readdirSync(join(folder, path), { withFileTypes: true });
  const found = entries.flatMap((entry) => {
    const one: FoundFile = { path: join(path, entry.name), kind: kindOf(entry) };
    // A link to a folder is a link: what is behind it is listed where it is.
    return one.kind === "folder" ? [one, ...listTree(folder, one.path)] : [one];
  });
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Paths that are not allowed, with the reason. */
export function unexpectedFiles(files: readonly FoundFile[]): string[] {
  return files.flatMap(({ path, kind }) => {
    if (kind === "other") return [`/${path}: neither file, link nor folder`];
    return ALLOWED.some((one) => one.test(path)) ? [] : [`/${path}: not known`];
  });
}

function kindOf(entry: Dirent): FoundFile["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isSymbolicLink()) return "link";
  return entry.isDirectory() ? "folder" : "other";
}
