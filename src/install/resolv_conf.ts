/** The text of a resolv.conf that names nodens, and what is read from one. */

import { canonicalIpAddress } from "../std/ip_address.ts";

/** By its first line a file of ours is known. */
const MARK = "# nodens: this machine asks nodens";
/** resolv.conf(5): what stands behind three is ignored. */
const NAMESERVERS_MAX = 3;

/** Whether `text` was written by {@link withNodens}. */
export function isOurs(text: string): boolean {
  return text.startsWith(MARK);
}

/** Canonical addresses in their order; what is no address is left out. */
export function nameserversOf(text: string): string[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].flatMap(([, word]) => {
    return canonicalIpAddress(word!.replace(/%.*$/, "")) ?? [];
  });
}

/**
 * The same with nodens before all others. They stay as a belt, for a machine on which neither
 * nodens nor its rules are left; search list and options stay as they are.
 */
export function withNodens(found: string, { address, source }: NamedServer): string {
  const others = nameserversOf(found).filter((server) => server !== address);
  const rest = found.split("\n").filter((line) => !/^[ \t]*(?:nameserver[ \t]|[#;]|$)/.test(line));
  return [
    `${MARK}. Written by \`nodens resolver\`;`,
    `# the servers behind it are those of ${source}.`,
    `nameserver ${address}`,
    ...others.slice(0, NAMESERVERS_MAX - 1).map((server) => `nameserver ${server}`),
    ...rest,
    "",
  ].join("\n");
}

interface NamedServer {
  readonly address: string;
  /** Where what is there besides comes from, for people. */
  readonly source: string;
}
