/** A DNS reply as text for people, as bare data, and as JSON. */

import type { Answer, OptAnswer } from "dns-packet";
import type { DnsReply } from "./dns_client.ts";

/** Text of a whole reply: status, sections as zone-file lines, and where it came from. */
export function describeReply(reply: DnsReply): string {
  const { packet } = reply;
  const question = packet.questions?.[0];
  const asked =
    question === undefined ? "" : `  ${dotted(question.name)} ${typeName(question.type)}`;
  const lines = [`;; ${statusOf(reply)}${asked}`];
  const answers = packet.answers ?? [];
  const authorities = packet.authorities ?? [];
  const additionals = (packet.additionals ?? []).filter((record) => record.type !== "OPT");
  for (const [title, records] of [
    ["", answers],
    ["authority", authorities],
    ["additional", additionals],
  ] as const) {
    if (records.length === 0) continue;
    lines.push("", ...(title === "" ? [] : [`;; ${title}`]), ...formatRecords(records));
  }
  const flags = flagsOf(reply).join(" ");
  const size = `${reply.bytes.length} bytes`;
  lines.push(
    "",
    `;; ${size} in ${formatTime(reply.timeMs)} from ${reply.endpoint} by ${reply.protocol}`,
    `;; flags ${flags === "" ? "none" : flags}${describeEdns(reply)}`,
  );
  return lines.join("\n");
}

/** The data of each answer on its line, nothing else. */
export function shortReply(reply: DnsReply): string {
  return (reply.packet.answers ?? []).map(formatData).join("\n");
}

/** Everything, for programs: names with final dot, data as text. */
export function jsonReply(reply: DnsReply): string {
  const { packet } = reply;
  const records = (list: readonly Answer[] | undefined) =>
    (list ?? [])
      .filter((record) => record.type !== "OPT")
      .map((record) => ({
        name: dotted(record.name),
        type: typeName(record.type),
        ttlSec: (record as { ttl?: number }).ttl ?? 0,
        data: formatData(record),
      }));
  const edns = ednsOf(reply);
  const result = {
    status: statusOf(reply),
    id: packet.id,
    flags: flagsOf(reply),
    questions: (packet.questions ?? []).map((question) => ({
      name: dotted(question.name),
      type: typeName(question.type),
    })),
    answers: records(packet.answers),
    authorities: records(packet.authorities),
    additionals: records(packet.additionals),
    edns:
      edns === null
        ? null
        : {
            udpSizeBytes: edns.udpPayloadSize,
            dnssecOk: edns.flag_do,
            errors: extendedErrors(edns),
          },
    server: reply.endpoint,
    protocol: reply.protocol,
    sizeBytes: reply.bytes.length,
    timeMs: Math.round(reply.timeMs * 1_000) / 1_000,
  };
  return JSON.stringify(result, null, 2);
}

const RCODES =
  "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE".split(
    " ",
  );
const EXTENDED_RCODES: Readonly<Record<number, string>> = { 16: "BADVERS", 23: "BADCOOKIE" };
const FLAG_BITS: readonly [number, string][] = [
  [1 << 10, "aa"],
  [1 << 9, "tc"],
  [1 << 8, "rd"],
  [1 << 7, "ra"],
  [1 << 5, "ad"],
  [1 << 4, "cd"],
];

/** RCODE with the upper bits that EDNS carries (RFC 6891 §6.1.3). */
function statusOf(reply: DnsReply): string {
  const code = ((ednsOf(reply)?.extendedRcode ?? 0) << 4) | (reply.bytes[3] & 0xf);
  return RCODES[code] ?? EXTENDED_RCODES[code] ?? `RCODE${code}`;
}

function flagsOf(reply: DnsReply): string[] {
  const flags = (reply.bytes[2] << 8) | reply.bytes[3];
  return FLAG_BITS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

function ednsOf(reply: DnsReply): OptAnswer | null {
  const record = reply.packet.additionals?.find((additional) => additional.type === "OPT");
  return (record as OptAnswer | undefined) ?? null;
}

function describeEdns(reply: DnsReply): string {
  const edns = ednsOf(reply);
  if (edns === null) return ", no EDNS";
  const errors = extendedErrors(edns).map((text) => `, ${text}`);
  return `, EDNS ${edns.udpPayloadSize} bytes${edns.flag_do ? " DO" : ""}${errors.join("")}`;
}

const EXTENDED_ERROR_OPTION = 15;

/** Extended DNS errors (RFC 8914): the code, and the text that the server gave. */
function extendedErrors(edns: OptAnswer): string[] {
  const texts: string[] = [];
  for (const option of edns.options as unknown as { code: number; data?: Uint8Array }[]) {
    if (option.code !== EXTENDED_ERROR_OPTION || option.data === undefined) continue;
    const [high = 0, low = 0] = option.data;
    const text = printable(Buffer.from(option.data.subarray(2)).toString("utf8"));
    texts.push(`EDE ${(high << 8) | low}${text === "" ? "" : ` "${text}"`}`);
  }
  return texts;
}

function formatRecords(records: readonly Answer[]): string[] {
  const rows = records.map((record) => [
    dotted(record.name),
    String((record as { ttl?: number }).ttl ?? 0),
    typeName(record.type),
    formatData(record),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map(([name, ttl, type, data]) =>
    [name.padEnd(widths[0]), ttl.padStart(widths[1]), type.padEnd(widths[2]), data].join("  "),
  );
}

function formatData(record: Answer): string {
  const data = (record as { data: unknown }).data;
  switch (record.type) {
    case "A":
    case "AAAA":
      return record.data;
    case "CNAME":
    case "DNAME":
    case "NS":
    case "PTR":
      return dotted(record.data);
    case "MX":
      return `${record.data.preference ?? 0} ${dotted(record.data.exchange)}`;
    case "SRV": {
      const { priority = 0, weight = 0, port, target } = record.data;
      return `${priority} ${weight} ${port} ${dotted(target)}`;
    }
    case "SOA": {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return [dotted(mname), dotted(rname), serial, refresh, retry, expire, minimum].join(" ");
    }
    case "TXT":
      return [record.data].flat().map(quoted).join(" ");
    case "CAA":
      return `${record.data.flags ?? 0} ${record.data.tag} ${quoted(record.data.value)}`;
    default:
      return formatOther(data);
  }
}

/** Fields one after another; raw bytes in the form of RFC 3597 §5. */
function formatOther(data: unknown): string {
  if (data instanceof Uint8Array) {
    return `\\# ${data.length} ${Buffer.from(data).toString("hex")}`.trimEnd();
  }
  if (typeof data !== "object" || data === null) return printable(String(data ?? ""));
  const fields = Object.values(data).map((value) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
    return printable(Array.isArray(value) ? value.join(" ") : String(value));
  });
  return fields.join(" ");
}

function typeName(type: string): string {
  return type.replace(/^UNKNOWN_/, "TYPE");
}

function dotted(name: string): string {
  return printable(name === "" || name === "." ? "." : `${name}.`);
}

function quoted(text: string | Uint8Array): string {
  const value = typeof text === "string" ? text : Buffer.from(text).toString("latin1");
  return `"${printable(value.replaceAll(/["\\]/g, "\\$&"))}"`;
}

/** Whatever a server sends must not steer the terminal: other characters become `\DDD`. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${String(byte).padStart(3, "0")}`).join(""),
  );
}

function formatTime(timeMs: number): string {
  return timeMs < 10 ? `${timeMs.toFixed(1)} ms` : `${Math.round(timeMs)} ms`;
}
