/** Checks of iptables: which one, what it can, what is left in it, who holds its lock. */

import {
  bad,
  capabilitiesOf,
  type Facts,
  type Finding,
  good,
  isRoot,
  note,
  readValue,
} from "./doctor_facts.ts";
import {
  type Backend,
  detectBackend,
  installedBackends,
  legacyTables,
  programOf,
} from "./iptables_backend.ts";
import { isOurs, mentionsUs, parseSavedRules } from "./iptables_text.ts";
import { savedTables } from "./saved_tables.ts";

/** The comments of node-cache's rules. */
const NODE_CACHE_TAG = "NodeLocal DNS Cache:";
const LOCK_PATH = "/run/xtables.lock";
const TABLES = ["raw", "filter", "nat"];
const MATCHES = [
  { name: "addrtype", rule: "-A PREROUTING -m addrtype --dst-type LOCAL -j CT --notrack" },
  { name: "socket", rule: "-A PREROUTING -m socket --nowildcard -j CT --notrack" },
] as const;
/** iptables warns of what the kernel lacks, and may end well all the same. */
const LACKS = /not supported|missing kernel module|Couldn't load match|No such file/i;

export interface MatchTrial {
  readonly missing: readonly string[];
  /** Why none was tried; null when they were. */
  readonly problem: string | null;
}

export async function checkBackend(facts: Facts): Promise<Finding[]> {
  const backend = await backendOf(facts);
  if (backend === null) {
    const fix = "install the package iptables, or start with -setupiptables=false";
    return [bad("iptables", "neither iptables-nft nor iptables-legacy is installed", fix)];
  }
  const installed = installedBackends(facts);
  if (installed.length > 1 && !capabilitiesOf(facts).has("NET_ADMIN")) {
    const found = "nft and legacy are installed, and which is used cannot be seen";
    return [note("iptables", found, "run this as root")];
  }
  const others = installed.filter(({ name }) => name !== backend.name);
  const beside = others.length > 0 ? `, not ${others[0].name}, which is installed too` : "";
  const findings = [good("iptables", `the backend is ${backend.name}${beside}`)];
  const { missing, problem } = await tryMatches(facts);
  if (problem !== null) return [...findings, good("addrtype", `was not tried: ${problem}`)];
  return [
    ...findings,
    missing.includes("addrtype")
      ? bad(
          "addrtype",
          "the kernel has no xt_addrtype, which our rules use",
          "modprobe xt_addrtype",
        )
      : good("addrtype", "the kernel has it"),
  ];
}

/** Rules of ours and of node-cache, in the backend that is used and in the other. */
export async function checkLeftovers(facts: Facts): Promise<Finding[]> {
  const what = "rules";
  const backend = await backendOf(facts);
  if (backend === null) return [];
  const tables = (await Promise.all(TABLES.map((table) => savedTables(facts, table)))).flat();
  const [problem] = tables.flatMap((table) => table.problem ?? []);
  if (problem !== undefined) {
    const fix = isRoot(facts) ? "see what the command says" : "run this as root";
    return [note(what, `were not looked at: ${problem}`, fix)];
  }
  const count = { used: 0, other: 0, nodeCache: 0 };
  for (const { backend: name, family, text } of tables) {
    const ours = parseSavedRules(text, family, mentionsUs).filter(isOurs).length;
    if (name === backend.name) count.used += ours;
    else count.other += ours;
    count.nodeCache += text.split(NODE_CACHE_TAG).length - 1;
  }
  const findings = [good(what, `${count.used} of ours in the backend that is used`)];
  if (count.other > 0) {
    const found = `${count.other} of ours in the backend that is not used`;
    findings.push(
      note(what, found, "nodens removes them at its start; nodens cleanup does at once"),
    );
  }
  if (count.nodeCache > 0) {
    const fix = "once node-cache is gone from this node: nodens cleanup";
    findings.push(note(what, `${count.nodeCache} of node-cache`, fix));
  }
  return findings;
}

/** Who holds the lock. The nft backend does without. */
export async function checkLock(facts: Facts): Promise<Finding[]> {
  const what = "xtables lock";
  const inode = facts.inode(LOCK_PATH);
  const locks = readValue(facts, "/proc/locks");
  if (inode === null) return [good(what, "nobody has used it")];
  const holder = (locks ?? "")
    .split("\n")
    .map((line) => /\b(?:FLOCK|POSIX)\s+\S+\s+WRITE\s+(-?[0-9]+)\s+\S+:([0-9]+)\s/.exec(line))
    .find((match) => match !== null && Number(match[2]) === inode);
  if (holder === undefined || holder === null) return [good(what, "is free")];
  const [, pid] = holder;
  const name = readValue(facts, `/proc/${pid}/comm`) ?? "another process";
  const found = `is held by ${name} (${pid})`;
  if ((await backendOf(facts))?.name === "nft") {
    return [good(what, `${found}; the backend nft does without`)];
  }
  return [note(what, found, `should it last, see what ${name} does; nodens waits and tries again`)];
}

/** Asks the kernel by `iptables-restore --test` for what our rules match by. Changes nothing. */
export async function tryMatches(facts: Facts): Promise<MatchTrial> {
  const skipped = (problem: string) => ({ missing: [], problem });
  const backend = await backendOf(facts);
  if (backend === null) return skipped("iptables is not installed");
  if (!capabilitiesOf(facts).has("NET_ADMIN")) return skipped("it needs NET_ADMIN");
  if (backend.name === "legacy" && !legacyTables(facts, 4).includes("raw")) {
    return skipped("legacy has no table raw yet, and asking would make it");
  }
  const missing: string[] = [];
  for (const { name, rule } of MATCHES) {
    const input = `*raw\n${rule}\nCOMMIT\n`;
    const args = ["--test", "--noflush"];
    const program = programOf(backend, 4, "restore");
    const { code, stderr } = await facts.commands.run(program, args, { input });
    if (code !== 0 || LACKS.test(stderr)) missing.push(name);
  }
  return { missing, problem: null };
}

async function backendOf(facts: Facts): Promise<Backend | null> {
  try {
    return await detectBackend(facts);
  } catch {
    return null;
  }
}
