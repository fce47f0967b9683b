/**
 * Reads the small part of the master-file format (RFC 1035 §5.1) that the fixtures are written in:
 * `$ORIGIN`, `$TTL`, comments, quoted text, one record a line, no parentheses and no class.
 */

import type { Answer } from "dns-packet";

/** A record as dns-packet encodes it; names in lower case, without the final dot. */
export type ZoneRecord = Answer & { readonly name: string; readonly ttl: number };

/** @throws {SyntaxError} naming the line, when it is not understood. */
export function parseZoneFile(text: string): ZoneRecord[] {
  const records: ZoneRecord[] = [];
  let origin = "";
  let ttlSec = 3600;
  for (const [index, line] of text.split("\n").entries()) {
    const words = splitLine(line);
    if (words.length === 0) continue;
    if (words[0] === "$ORIGIN") {
      origin = absolute(words[1] ?? "", "");
    } else if (words[0] === "$TTL") {
      ttlSec = Number(words[1]);
    } else {
      records.push(parseRecord(words, origin, ttlSec, index + 1));
    }
  }
  return records;
}

function splitLine(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/"([^"]*)"|;.*|[^\s;"]+/g)) {
    if (match[0].startsWith(";")) break;
    words.push(match[1] ?? match[0]);
  }
  return words;
}

function parseRecord(words: string[], origin: string, ttlSec: number, line: number): ZoneRecord {
  const [owner = "", ...rest] = words;
  const ttl = /^\d+$/.test(rest[0] ?? "") ? Number(rest.shift()) : ttlSec;
  const [type = "", ...data] = rest;
  const head = { name: absolute(owner, origin), ttl, class: "IN" as const };
  const name = (at: number) => absolute(data[at] ?? "", origin);
  const count = (at: number) => Number(data[at]);
  switch (type) {
    case "A":
    case "AAAA":
      return { ...head, type, data: data[0] ?? "" };
    case "CNAME":
    case "NS":
    case "PTR":
      return { ...head, type, data: name(0) };
    case "MX":
      return { ...head, type, data: { preference: count(0), exchange: name(1) } };
    case "TXT":
      return { ...head, type, data };
    case "SRV":
      return {
        ...head,
        type,
        data: { priority: count(0), weight: count(1), port: count(2), target: name(3) },
      };
    case "SOA":
      return {
        ...head,
        type,
        data: {
          mname: name(0),
          rname: name(1),
          serial: count(2),
          refresh: count(3),
          retry: count(4),
          expire: count(5),
          minimum: count(6),
        },
      };
    default:
      throw new SyntaxError(`Cannot read record at line ${line}: type "${type}" is not known`);
  }
}

function absolute(name: string, origin: string): string {
  if (name === "@") return origin;
  const lower = name.toLowerCase();
  if (lower.endsWith(".")) return lower.slice(0, -1);
  return origin === "" ? lower : `${lower}.${origin}`;
}
