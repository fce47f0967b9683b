/**
 * What processes of nodens and of node-cache have left on a node, and its removal. Needs no process
 * that runs, and believes nothing but what the kernel and iptables say.
 */

import { openControlKernel } from "../sys/open_kernel.ts";
import { addressesWithListener } from "./dns_listeners.ts";
import { expectDone } from "./expect_done.ts";
import { allBackends, type Machine, programOf, systemMachine } from "./iptables_backend.ts";
import { applyPlan, type Caller, FamilyAbsentError, readRules } from "./iptables_calls.ts";
import { isOurs, mentionsUs, type SavedRule } from "./iptables_text.ts";
import { NetError } from "./lease.ts";
import { NODE_CACHE_TAG, nodeCacheRules } from "./node_cache_rules.ts";
import { type Link, type LinkAddress, Rtnetlink } from "./rtnetlink.ts";
import { addressOf } from "./rule_report.ts";

export interface LeftoverRequest {
  /** Addresses that are known to have been taken over; more are found on the link. */
  readonly addresses: readonly string[];
  readonly interfaceName: string;
  readonly port: number;
  readonly healthPort: number;
}

/** What is looked at and changed; tests have their own. */
export interface LeftoverTools {
  readonly machine: Machine;
  readonly links: Pick<Rtnetlink, "findLink" | "links" | "addresses" | "deleteLink">;
}

/** Those of this machine. */
export function systemTools(): LeftoverTools {
  return { machine: systemMachine, links: new Rtnetlink(openControlKernel()) };
}

/** Things that go together. */
export interface Leftover {
  /** Each as a line for people: `link nodelocaldns (dummy, 10.96.0.10)`. */
  readonly things: readonly string[];
  /** Why they must stay; null where they may go. */
  readonly keptBecause: string | null;
  /** @throws {NetError} */
  remove(): Promise<void>;
}

export interface Leftovers {
  /** In the order in which they shall go: the address first, so that queries go elsewhere. */
  readonly groups: readonly Leftover[];
  /** Signs of a process that goes on using them, as clauses. */
  readonly users: readonly string[];
}

const TABLES = ["raw", "filter", "nat"];
const LOCK_WAIT_SEC = 5;
const TIMEOUT_MS = 10_000;

/** @throws {NetError} */
export async function findLeftovers(
  request: LeftoverRequest,
  tools: LeftoverTools,
): Promise<Leftovers> {
  const link = tools.links.findLink(request.interfaceName);
  const held = link === null ? [] : tools.links.addresses(link.index);
  const hosts = held.filter(isHostAddress).map(({ address }) => address);
  const addresses = [...new Set([...request.addresses, ...hosts])];
  const [tables, rules] = await Promise.all([
    findTables(tools.machine),
    findRules({ ...request, addresses }, tools.machine),
  ]);
  const named = rules.flatMap((group) => group.rules.map(({ words }) => addressOf(words)));
  const known = new Set([...addresses, ...named.filter((address) => address !== null)]);
  const users = findListeners(tools.machine, request.port)
    .filter((address) => known.has(address))
    .map((address) => `a process listens on port ${request.port} of ${address}`);
  if (link?.kind === "tun") users.push(`a process holds the device ${link.name}`);
  for (const { name, isOwned } of tables) {
    if (isOwned) users.push(`a process owns the table ${name} of nftables`);
  }
  return {
    groups: [
      ...(link === null ? [] : [linkLeftover(link, held, request, tools)]),
      ...tables.map((table) => tableLeftover(table, tools.machine)),
      ...rules.map(ruleLeftover),
    ],
    users,
  };
}

/**
 * Why a link of our name must stay, or null. A link may go when nodens or node-cache may have made
 * it (its kind says so) and when it does nothing but hold addresses of single hosts: those that
 * were named, if any were. Whatever else stands on it is somebody's work.
 */
export function whyLinkStays(
  link: Pick<Link, "index" | "kind" | "master">,
  surroundings: {
    readonly links: readonly Pick<Link, "master">[];
    readonly held: readonly LinkAddress[];
    /** Those that were named; empty is any. */
    readonly addresses: readonly string[];
  },
): string | null {
  const { links, held, addresses } = surroundings;
  if (!["tun", "dummy", "bridge"].includes(link.kind)) {
    const kind = link.kind === "" ? "a link of hardware" : `of the kind ${link.kind}`;
    return `it is ${kind}, which neither nodens nor node-cache makes`;
  }
  if (link.master !== 0) return "it is a port of another link";
  if (links.some(({ master }) => master === link.index)) return "other links are its ports";
  for (const one of held.filter((address) => !isAutomatic(address))) {
    const { address, prefixLength } = one;
    if (!isHostAddress(one)) return `it holds ${address}/${prefixLength}, the address of a network`;
    if (addresses.length > 0 && !addresses.includes(address)) {
      return `it holds ${address}, which -localip does not name`;
    }
  }
  return null;
}

/** The kernel gives a link fe80 addresses by itself. */
function isAutomatic({ address, prefixLength }: LinkAddress): boolean {
  return prefixLength === 64 && /^fe[89ab][0-9a-f]:/.test(address);
}

function isHostAddress({ address, prefixLength }: LinkAddress): boolean {
  return prefixLength === (address.includes(":") ? 128 : 32);
}

function linkLeftover(
  link: Link,
  held: readonly LinkAddress[],
  { addresses }: LeftoverRequest,
  { links }: LeftoverTools,
): Leftover {
  const shown = held.filter((one) => !isAutomatic(one)).map(({ address }) => address);
  const details = [link.kind === "" ? "hardware" : link.kind, ...shown];
  return {
    things: [`link ${link.name} (${details.join(", ")})`],
    keptBecause: whyLinkStays(link, { links: links.links(), held, addresses }),
    async remove() {
      expectDone(links.deleteLink(link.index), "interface_check", `delete the link ${link.name}`);
    },
  };
}

interface OwnTable {
  /** `ip nodens-123` */
  readonly name: string;
  readonly isOwned: boolean;
}

/** Without the program nft nothing is found: by design such a table goes with its process. */
export async function findTables({ commands }: Machine): Promise<OwnTable[]> {
  if (!commands.has("nft")) return [];
  const { stdout } = await commands.run("nft", ["list", "tables"]);
  const names = [...stdout.matchAll(/^table ((?:ip|ip6|inet) nodens-\S+)$/gm)];
  return await Promise.all(
    names.map(async ([, name]) => {
      const table = await commands.run("nft", ["list", "table", ...name.split(" ")]);
      return { name, isOwned: /^\s*flags [^\n]*\bowner\b/m.test(table.stdout) };
    }),
  );
}

function tableLeftover({ name, isOwned }: OwnTable, { commands }: Machine): Leftover {
  return {
    things: [`table ${name} of nftables`],
    // The kernel lets nobody else delete it.
    keptBecause: isOwned ? "a process owns it, and it goes with that process" : null,
    async remove() {
      const { code, stderr } = await commands.run("nft", ["delete", "table", ...name.split(" ")]);
      if (code === 0) return;
      const [why] = stderr.trim().split("\n");
      throw new NetError("iptables", `Cannot delete the table ${name} of nftables: ${why}`);
    },
  };
}

interface RuleGroup {
  readonly caller: Caller;
  readonly family: 4 | 6;
  readonly rules: readonly SavedRule[];
}

async function findRules(request: LeftoverRequest, machine: Machine): Promise<RuleGroup[]> {
  const isOfNodeCache = nodeCacheRules(request);
  const isWanted = (line: string) =>
    mentionsUs(line) ||
    line.includes(NODE_CACHE_TAG) ||
    request.addresses.some((address) => line.includes(`${address}/`));
  const groups: RuleGroup[] = [];
  for (const backend of await allBackends(machine)) {
    const caller = { machine, backend, lockWaitSec: LOCK_WAIT_SEC, timeoutMs: TIMEOUT_MS };
    for (const family of [4, 6] as const) {
      try {
        const all = await readRules(caller, family, { tables: TABLES, isWanted });
        const rules = all.filter((rule) => isOurs(rule) || isOfNodeCache(rule));
        if (rules.length > 0) groups.push({ caller, family, rules });
      } catch (error) {
        if (!(error instanceof FamilyAbsentError)) throw error;
      }
    }
  }
  return groups;
}

function ruleLeftover({ caller, family, rules }: RuleGroup): Leftover {
  const program = programOf(caller.backend, family, "restore").replace("-restore", "");
  return {
    things: rules.map(({ table, text }) => `rule ${program} -t ${table} ${text}`),
    keptBecause: null,
    remove: () => applyPlan(caller, family, { add: [], remove: rules }),
  };
}

function findListeners(machine: Machine, port: number): string[] {
  const texts = ["/proc/net/udp", "/proc/net/udp6"].map((path) => machine.readFile(path) ?? "");
  return [...addressesWithListener(texts, port)];
}
