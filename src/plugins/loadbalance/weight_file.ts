/**
 * The file of `loadbalance weighted`: names, each followed by its addresses and their weights.
 *
 *   # comment
 *   www.example.org
 *   192.0.2.1 3
 *   192.0.2.2 1
 */

import { normalizeZone } from "../../config/zone.ts";
import { parseIpAddress } from "../../std/ip_address.ts";
import type { WeightedName } from "./settings.ts";

const WEIGHT_MAX = 255;

/** Names with weights, and problems with the line they are in, from 1. */
export interface WeightFile {
  readonly names: readonly WeightedName[];
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

export function parseWeightFile(text: string): WeightFile {
  const names = new Map<string, WeightedName>();
  const problems: WeightFile["problems"][number][] = [];
  let current: WeightedName | null = null;
  text.split("\n").forEach((content, index) => {
    const words = content.trim().split(/\s+/);
    if (words[0] === "" || words[0].startsWith("#")) return;
    const error = (message: string) => void problems.push({ line: index + 1, message });
    if (words.length > 2) {
      error(`Unexpected "${words[2]}": expected a name, or an address and its weight`);
    } else if (words.length === 1) {
      current = readName(words[0], error);
      if (current === null) return;
      current = names.get(current.name) ?? current;
      names.set(current.name, current);
    } else {
      const address = readAddress(words as [string, string], error);
      if (address === null) return;
      if (current === null) error(`Unexpected address "${words[0]}": expected a name before it`);
      else current.addresses.push(address);
    }
  });
  return { names: [...names.values()], problems };
}

function readName(text: string, error: (message: string) => void): WeightedName | null {
  if (parseIpAddress(text) !== null) {
    error(`Missing weight after "${text}": expected a whole number from 1 to ${WEIGHT_MAX}`);
    return null;
  }
  const { zone, problem } = normalizeZone(text);
  if (zone === null) error(`Cannot read name "${text}": ${problem}`);
  return zone === null ? null : { name: zone, addresses: [] };
}

function readAddress(
  [addressText, weightText]: readonly [string, string],
  error: (message: string) => void,
): WeightedName["addresses"][number] | null {
  const bytes = parseIpAddress(addressText);
  const weight = /^[0-9]{1,3}$/.test(weightText) ? Number(weightText) : 0;
  if (bytes === null) error(`Cannot read address: expected an IP address, got "${addressText}"`);
  if (weight < 1 || weight > WEIGHT_MAX) {
    error(
      `Cannot read weight: expected a whole number from 1 to ${WEIGHT_MAX}, got "${weightText}"`,
    );
    return null;
  }
  return bytes === null ? null : { bytes: [...bytes], weight };
}
