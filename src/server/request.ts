/** From what a worker has read of a query to the request that plugins see, and back. */

import { UPSTREAM_OPTIONS_BYTES_MAX } from "../limits.ts";
import type { Request } from "../plugins/front_plugin.ts";
import { parseIpAddress } from "../std/ip_address.ts";
import { AF_INET, SOCKADDR_IN_ADDR, SOCKADDR_IN6_ADDR } from "../sys/layout.ts";
import { readAddress, readPort } from "../sys/sockaddr.ts";
import { writeQuery } from "../wire/answer.ts";
import { FLAG_AD, FLAG_CD, FLAG_RD } from "../wire/constants.ts";
import { questionBytes } from "../wire/message.ts";
import { wireToName } from "../wire/name.ts";
import { QUERY_OK, type Query, readQuery } from "../wire/query.ts";
import { appendOptions } from "../wire/query_options.ts";
import { TRANSPORT_UDP } from "./client.ts";
import type { Plane } from "./plane.ts";
import { serverAddress } from "./plane_facts.ts";

/** `plane.query` of `plane.client` as plain values; the name in small letters. */
export function requestOf(plane: Plane): Request {
  const { query, client, kernel } = plane;
  return {
    name: wireToName(query.nameBytes.slice(0, query.nameLength)),
    type: query.type,
    class: query.class,
    id: query.id,
    recursionDesired: query.recursionDesired === 1,
    checkingDisabled: query.checkingDisabled === 1,
    authenticData: query.authenticData === 1,
    dnssecOk: query.dnssecOk === 1,
    hasOpt: query.hasOpt === 1,
    udpSizeBytes: query.udpSizeBytes,
    client: {
      address: readAddress(kernel.slab, client.nameOffset),
      addressBytes: addressBytes(plane),
      port: readPort(kernel.slab, client.nameOffset),
      isTcp: client.transport !== TRANSPORT_UDP,
    },
    server: {
      addressBytes: parseIpAddress(serverAddress(plane)) ?? NO_ADDRESS,
      port: plane.listeners.ports[client.listener]!,
    },
  };
}

/**
 * Writes `request` as a query at `target` and reads it into `query`.
 *
 * @param target 4-aligned, in the slab, with room for REQUEST_BYTES.
 * @returns false when it is no query that can be asked: its name is none.
 */
export function writeRequest(
  plane: Plane,
  request: Request,
  target: number,
  query: Query,
): boolean {
  let question: Uint8Array;
  try {
    question = questionBytes(request);
  } catch {
    return false;
  }
  const options = request.options ?? NO_OPTIONS;
  if (options.length > UPSTREAM_OPTIONS_BYTES_MAX) return false;
  // `writeQuery` takes the question from elsewhere in the slab.
  const from = target + QUERY_ROOM_BYTES;
  plane.bytes.set(question, from);
  const flags =
    (request.recursionDesired ? FLAG_RD : 0) |
    (request.checkingDisabled ? FLAG_CD : 0) |
    (request.authenticData ? FLAG_AD : 0);
  const plainLength = writeQuery(
    plane.words,
    plane.view,
    target,
    request.id,
    from,
    question.length,
    flags,
    request.dnssecOk ? 1 : 0,
    request.udpSizeBytes,
    request.hasOpt || options.length > 0 ? 1 : 0,
  );
  const length =
    options.length === 0
      ? plainLength
      : appendOptions(plane.bytes, plane.view, target, plainLength, options);
  return readQuery(plane.bytes, plane.view, target, length, plane.hashSeed, query) === QUERY_OK;
}

/** An IPv4 address mapped into IPv6 is IPv4. */
function addressBytes(plane: Plane): Uint8Array {
  const { bytes, view, client } = plane;
  const start = client.nameOffset;
  if (view.getUint16(start, true) === AF_INET) {
    return Uint8Array.from(bytes.slice(start + SOCKADDR_IN_ADDR, start + SOCKADDR_IN_ADDR + 4));
  }
  const address = bytes.slice(start + SOCKADDR_IN6_ADDR, start + SOCKADDR_IN6_ADDR + 16);
  const isMapped = MAPPED_PREFIX.every((byte, index) => address[index] === byte);
  return Uint8Array.from(isMapped ? address.subarray(MAPPED_PREFIX.length) : address);
}

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const NO_ADDRESS = new Uint8Array(0);
const NO_OPTIONS = new Uint8Array(0);
/** Room for a query without its question's copy: 284 bytes and options. */
const QUERY_ROOM_BYTES = 288 + UPSTREAM_OPTIONS_BYTES_MAX;
/** Room that `writeRequest` needs. */
export const REQUEST_BYTES = QUERY_ROOM_BYTES + 272;
