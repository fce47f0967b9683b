/**
 * The text of a hosts file (hosts(5)) to the one form that a plan carries and workers read: lines
 * of `ADDRESS NAME...`, addresses canonical, names in small letters with their last dot.
 */

import { isIPv4 } from "node:net";
import { canonicalIpAddress } from "../../std/ip_address.ts";
import { nameToWire, wireToName } from "../../wire/name.ts";

/** Names that need no closer look. */
const USUAL_NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+$/;
const USUAL_NAME_LENGTH_MAX = 250;

/**
 * Lines that are none are left out, and so are names that are none: the file is another program's
 * as well.
 */
export function normalizeHosts(text: string): string {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const comment = line.indexOf("#");
    const words = (comment < 0 ? line : line.slice(0, comment)).trim().split(/\s+/);
    if (words.length < 2) continue;
    // A zone (fe80::1%eth0) means something on this machine only.
    const address = canonical(words[0]!);
    if (address === null) continue;
    const names = words
      .slice(1)
      .map(normalizeName)
      .filter((name) => name !== null);
    if (names.length > 0) lines.push(`${address} ${names.join(" ")}`);
  }
  return lines.join("\n");
}

function canonical(text: string): string | null {
  // There is only one way to write an address of IPv4.
  if (isIPv4(text)) return text;
  return canonicalIpAddress(text.replace(/%.*$/, ""));
}

function normalizeName(text: string): string | null {
  const small = text.toLowerCase();
  const name = small.endsWith(".") ? small : `${small}.`;
  if (name.length <= USUAL_NAME_LENGTH_MAX && USUAL_NAME.test(name)) return name;
  try {
    return wireToName(nameToWire(small));
  } catch {
    return null;
  }
}
