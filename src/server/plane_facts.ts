/** What is known of the query that a plane handles, in the words of expressions. */

import type { QueryFacts } from "../plugins/view/query_facts.ts";
import { CMSG_DATA, CMSG_LEVEL, IPPROTO_IPV6 } from "../sys/layout.ts";
import { ipv6Text, readAddress, readPort } from "../sys/sockaddr.ts";
import { className, OPCODE_MASK, OPCODE_SHIFT, typeName } from "../wire/constants.ts";
import { wireToName } from "../wire/name.ts";
import { TRANSPORT_TCP, TRANSPORT_UDP } from "./client.ts";
import type { Plane } from "./plane.ts";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
/** In the control message of IPv4, behind the interface and the address to answer from (ip(7)). */
const IN_DESTINATION = 8;

export class PlaneFacts implements QueryFacts {
  readonly #plane: Plane;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  bufferBytes(): number {
    return this.#plane.query.udpSizeBytes;
  }

  className(): string {
    return className(this.#plane.query.class);
  }

  clientIp(): string {
    const { kernel, client } = this.#plane;
    return withBrackets(readAddress(kernel.slab, client.nameOffset));
  }

  clientPort(): number {
    const { kernel, client } = this.#plane;
    return readPort(kernel.slab, client.nameOffset);
  }

  dnssecOk(): boolean {
    return this.#plane.query.dnssecOk === 1;
  }

  id(): number {
    return this.#plane.query.id;
  }

  name(): string {
    const { query } = this.#plane;
    return wireToName(query.nameBytes.slice(0, query.nameLength));
  }

  opcode(): number {
    return (this.#plane.query.flags & OPCODE_MASK) >> OPCODE_SHIFT;
  }

  protocol(): string {
    return this.#plane.client.transport === TRANSPORT_UDP ? "udp" : "tcp";
  }

  serverIp(): string {
    return withBrackets(serverAddress(this.#plane));
  }

  serverPort(): number {
    const { listeners, client } = this.#plane;
    return listeners.ports[client.listener]!;
  }

  sizeBytes(): number {
    return this.#plane.client.queryBytes;
  }

  typeName(): string {
    return typeName(this.#plane.query.type);
  }
}

/** The address that was asked, without brackets. */
export function serverAddress({
  client,
  listeners,
  tcpClients,
  sockets,
  bytes,
  words,
}: Plane): string {
  if (client.transport === TRANSPORT_TCP) {
    return sockets.localAddress(tcpClients.fds[client.connection]!);
  }
  if (client.controlBytes === 0) return listeners.addresses[client.listener]!;
  const data = client.controlOffset + CMSG_DATA;
  if (words[(client.controlOffset + CMSG_LEVEL) >> 2] === IPPROTO_IPV6) {
    return ipv6Text(bytes.slice(data, data + IPV6_BYTES));
  }
  return bytes.slice(data + IN_DESTINATION, data + IN_DESTINATION + IPV4_BYTES).join(".");
}

function withBrackets(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
