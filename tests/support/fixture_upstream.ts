/**
 * An authoritative DNS server for tests and demonstrations: UDP and TCP on one port of 127.0.0.1,
 * answering from a zone file with dns-packet. Independent of all code in src on purpose.
 *
 * As a program: `node tests/support/fixture_upstream.ts [--port N] [--zone FILE]`.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket as TcpSocket } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import dnsPacket, { type DecodedPacket, type Packet } from "dns-packet";
import { listenOnBoth } from "./free_port.ts";
import { parseZoneFile, type ZoneRecord } from "./zone_file.ts";

/** The zone that is served where none is named. */
export const EXAMPLE_ZONE = join(import.meta.dirname, "example.org.zone");

export interface FixtureUpstream {
  readonly port: number;
  /** What was asked, in order: `udp example.org A`, the name as the client wrote it. */
  readonly queries: readonly string[];
  close(): Promise<void>;
}

export interface FixtureUpstreamOptions {
  /** Default: any free one. */
  readonly port?: number;
  /** Default: example.org.zone beside this file. */
  readonly zoneFile?: string;
}

/** Starts the server. @throws {Error} when the port is taken or the zone file cannot be read. */
export async function startFixtureUpstream(
  options: FixtureUpstreamOptions = {},
): Promise<FixtureUpstream> {
  const records = parseZoneFile(readFileSync(options.zoneFile ?? EXAMPLE_ZONE, "utf8"));
  const queries: string[] = [];
  const { tcp, udp, port } = await listenOnBoth(options.port ?? 0);
  const connections = new Set<TcpSocket>();

  udp.on("message", (bytes, client) => {
    const query = decodeQuery(bytes);
    if (query === null) return;
    note(queries, "udp", query);
    udp.send(encodeForUdp(query, answer(records, query)), client.port, client.address);
  });
  tcp.on("connection", (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    connection.on("error", () => connection.destroy());
    serveConnection(connection, (query) => {
      note(queries, "tcp", query);
      return answer(records, query);
    });
  });

  return {
    port,
    queries,
    async close() {
      for (const connection of connections) connection.destroy();
      const closed = [once(udp, "close"), once(tcp, "close")];
      udp.close();
      tcp.close();
      await Promise.all(closed);
    },
  };
}

/** One answer as an authoritative server gives it, without regard to size. */
function answer(records: readonly ZoneRecord[], query: DecodedPacket): Packet {
  const question = query.questions?.[0];
  const reply: Packet = {
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: dnsPacket.AUTHORITATIVE_ANSWER | (query.flag_rd ? dnsPacket.RECURSION_DESIRED : 0),
    questions: query.questions ?? [],
    answers: [],
    authorities: [],
    additionals: hasOpt(query)
      ? [{ type: "OPT", name: ".", udpPayloadSize: 1232, flags: 0, options: [] } as never]
      : [],
  };
  if (question === undefined) return withRcode(reply, 1);

  let name = question.name.toLowerCase();
  const soa = soaOf(records, name);
  if (soa === undefined) return withRcode(reply, 5);
  // A CNAME is followed as long as it stays in our zones (RFC 1034 §4.3.2 step 3a).
  for (let links = 0; links < 8; links++) {
    const here = recordsAt(records, name);
    if (here === null) {
      reply.authorities?.push(negative(soaOf(records, name) ?? soa));
      return withRcode(reply, 3);
    }
    // The first owner name is sent in the case of the question.
    const owner = links === 0 ? question.name : name;
    const found = here.filter(
      (record) => (question.type as string) === "ANY" || record.type === question.type,
    );
    if (found.length > 0) {
      for (const record of found) reply.answers?.push({ ...record, name: owner });
      return reply;
    }
    const alias = here.find((record) => record.type === "CNAME");
    if (alias === undefined || alias.type !== "CNAME") {
      reply.authorities?.push(negative(soaOf(records, name) ?? soa));
      return reply;
    }
    reply.answers?.push({ ...alias, name: owner });
    name = alias.data;
    if (soaOf(records, name) === undefined) return reply;
  }
  return reply;
}

/** Records at `name`, of a wildcard if need be; empty at an empty non-terminal, null if nothing. */
function recordsAt(records: readonly ZoneRecord[], name: string): ZoneRecord[] | null {
  const exact = records.filter((record) => record.name === name);
  if (exact.length > 0) return exact;
  if (records.some((record) => record.name.endsWith(`.${name}`))) return [];
  const parent = name.slice(name.indexOf(".") + 1);
  const wild = records.filter((record) => record.name === `*.${parent}`);
  return wild.length > 0 ? wild : null;
}

function soaOf(records: readonly ZoneRecord[], name: string): ZoneRecord | undefined {
  return records.find(
    (record) => record.type === "SOA" && (name === record.name || name.endsWith(`.${record.name}`)),
  );
}

/** The SOA with the TTL of a negative answer (RFC 2308 §3). */
function negative(soa: ZoneRecord): ZoneRecord {
  const minimumSec = soa.type === "SOA" ? (soa.data.minimum ?? soa.ttl) : soa.ttl;
  return { ...soa, ttl: Math.min(soa.ttl, minimumSec) };
}

function withRcode(reply: Packet, rcode: number): Packet {
  return { ...reply, flags: (reply.flags ?? 0) | rcode };
}

function encodeForUdp(query: DecodedPacket, reply: Packet): Uint8Array {
  const bytes = dnsPacket.encode(reply);
  const opt = query.additionals?.find((record) => record.type === "OPT");
  const limitBytes = opt?.type === "OPT" ? Math.max(512, opt.udpPayloadSize ?? 512) : 512;
  if (bytes.length <= limitBytes) return bytes;
  return dnsPacket.encode({
    ...reply,
    flags: (reply.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
  });
}

function serveConnection(connection: TcpSocket, reply: (query: DecodedPacket) => Packet): void {
  let received = Buffer.alloc(0);
  connection.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2) {
      const end = 2 + received.readUInt16BE(0);
      if (received.length < end) return;
      const query = decodeQuery(received.subarray(2, end));
      received = received.subarray(end);
      if (query === null) {
        connection.destroy();
        return;
      }
      connection.write(dnsPacket.streamEncode(reply(query)));
    }
  });
}

function decodeQuery(bytes: Uint8Array): DecodedPacket | null {
  try {
    const packet = dnsPacket.decode(Buffer.from(bytes));
    return packet.type === "query" ? packet : null;
  } catch {
    return null;
  }
}

function hasOpt(query: DecodedPacket): boolean {
  return query.additionals?.some((record) => record.type === "OPT") ?? false;
}

function note(queries: string[], transport: "udp" | "tcp", query: DecodedPacket): void {
  const question = query.questions?.[0];
  queries.push(`${transport} ${question?.name ?? "?"} ${question?.type ?? "?"}`);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: "string" }, zone: { type: "string" } } });
  const upstream = await startFixtureUpstream({
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.zone === undefined ? {} : { zoneFile: values.zone }),
  });
  process.stdout.write(`fixture upstream on 127.0.0.1:${upstream.port}, UDP and TCP\n`);
}
