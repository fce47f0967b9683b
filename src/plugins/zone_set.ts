/** Zones that a plugin takes names of: which is the longest that a name is in. For both planes. */

import { nameToWire, wireToName } from "../wire/name.ts";

export class ZoneSet {
  /** Longest first. */
  readonly #zones: readonly string[];

  /** @param zones normalised text, as settings have them. */
  constructor(zones: readonly string[]) {
    // Names of requests are escaped as `wireToName` does it; a Corefile may escape otherwise.
    const written = zones.map((zone) => wireToName(nameToWire(zone.toLowerCase())));
    this.#zones = written.sort((a, b) => b.length - a.length);
  }

  /** The longest zone that holds `name`, which is text in small letters; null when none does. */
  find(name: string): string | null {
    for (const zone of this.#zones) if (isWithin(name, zone)) return zone;
    return null;
  }
}

function isWithin(name: string, zone: string): boolean {
  if (zone === "." || name === zone) return true;
  if (!name.endsWith(`.${zone}`)) return false;
  // The dot before the zone is one between labels unless a backslash makes it a part of a label.
  let at = name.length - zone.length - 2;
  let backslashes = 0;
  while (name[at] === "\\") {
    backslashes += 1;
    at -= 1;
  }
  return backslashes % 2 === 0;
}
