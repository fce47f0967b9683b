/**
 * The simulated network: which addresses have which sockets, and what paths do to what is sent.
 *
 * Sockets of the server under test and scripted peers of the test are the same to it. A path is
 * perfect until the test says otherwise with `setPath`; everything random comes from one seed.
 */

import type { Prng } from "../../src/std/prng.ts";
import { EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, ETIMEDOUT } from "../../src/sys/errno.ts";
import { AF_INET6 } from "../../src/sys/layout.ts";
import { familyOf } from "../../src/sys/sockaddr.ts";
import type { SimClock } from "./sim_clock.ts";
import { SimStream } from "./sim_stream.ts";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

/** What a path does. Times in milliseconds, ratios from 0 to 1. */
export interface PathOptions {
  /** One way. */
  readonly delayMs?: number;
  /** Up to so much more, equally likely: reorders datagrams. */
  readonly jitterMs?: number;
  /** Datagrams lost; TCP segments come later instead, unless it is 1. */
  readonly lossRatio?: number;
  readonly duplicateRatio?: number;
  /** Round trips of an upstream that does not know the port: no ICMP comes back. */
  readonly silent?: boolean;
}

/** Something bound to a UDP port. */
export interface UdpPort {
  readonly local: Endpoint;
  /** Only datagrams from here are taken; null takes all. */
  readonly remote: Endpoint | null;
  readonly reusePort: boolean;
  deliver(datagram: Datagram): void;
  /** ICMP says that nobody is at `to`. */
  refuse(to: Endpoint): void;
}

/** Something that accepts TCP connections. */
export interface TcpPort {
  readonly local: Endpoint;
  readonly reusePort: boolean;
  /** False while it is only bound. */
  readonly isListening: boolean;
  /** False when no more connections can wait. */
  hasRoom(): boolean;
  accept(stream: SimStream): void;
}

export interface SimNetworkOptions {
  /** Addresses of the machine that the server runs on, besides 127.0.0.0/8 and ::1. */
  readonly addresses: readonly string[];
  readonly tcpSendBytes: number;
  readonly tcpReceiveBytes: number;
}

const EPHEMERAL_MIN = 32_768;
const EPHEMERAL_MAX = 60_999;
const CONNECT_TIMEOUT_MS = 127_000;
const RETRANSMIT_MS = 200;
const RETRANSMITS_MAX = 6;

export class SimNetwork {
  readonly clock: SimClock;
  readonly options: SimNetworkOptions;
  readonly #prng: Prng;
  readonly #udpPorts = new Map<number, Set<UdpPort>>();
  readonly #tcpPorts = new Set<TcpPort>();
  readonly #paths = new Map<string, PathOptions>();
  #ephemeral = EPHEMERAL_MIN;
  #pairCount = 0;
  /** Datagrams that a path has lost. */
  lostCount = 0;

  constructor(clock: SimClock, prng: Prng, options: SimNetworkOptions) {
    this.clock = clock;
    this.options = options;
    this.#prng = prng;
  }

  /** Sets what happens between two addresses, one way; `*` stands for all addresses. */
  setPath(from: string, to: string, options: PathOptions): void {
    this.#paths.set(`${from}>${to}`, options);
  }

  /** Whether sockets of the server's machine may be bound to `address`. */
  isLocal(address: string): boolean {
    if (address.startsWith("127.") || address === "::1" || isWildcard(address)) return true;
    return this.options.addresses.includes(address);
  }

  /** The source address that routing chooses for `to`. */
  sourceFor(to: string): string {
    if (to.startsWith("127.")) return "127.0.0.1";
    if (this.isLocal(to)) return to;
    const own = this.options.addresses.find((address) => familyOf(address) === familyOf(to));
    return own ?? (familyOf(to) === AF_INET6 ? "::1" : "127.0.0.1");
  }

  /** @returns 0, or a negated error number. */
  bindUdp(port: UdpPort): number {
    const sharing = this.#udpPorts.get(port.local.port) ?? new Set<UdpPort>();
    for (const other of sharing) {
      if (this.#conflict(other.local, port.local) && !(other.reusePort && port.reusePort)) {
        return -EADDRINUSE;
      }
    }
    this.#udpPorts.set(port.local.port, sharing.add(port));
    return 0;
  }

  /** @returns 0, or a negated error number. */
  bindTcp(port: TcpPort): number {
    for (const other of this.#tcpPorts) {
      if (this.#conflict(other.local, port.local) && !(other.reusePort && port.reusePort)) {
        return -EADDRINUSE;
      }
    }
    this.#tcpPorts.add(port);
    return 0;
  }

  unbindUdp(port: UdpPort): void {
    const sharing = this.#udpPorts.get(port.local.port);
    sharing?.delete(port);
    if (sharing?.size === 0) this.#udpPorts.delete(port.local.port);
  }

  unbindTcp(port: TcpPort): void {
    this.#tcpPorts.delete(port);
  }

  /** A port that no socket has, for one that was not bound by its owner; 0 when all are taken. */
  ephemeralPort(): number {
    const taken = new Set<number>();
    for (const port of this.#tcpPorts) taken.add(port.local.port);
    for (let tries = EPHEMERAL_MIN; tries <= EPHEMERAL_MAX; tries++) {
      const port = this.#ephemeral;
      this.#ephemeral = port === EPHEMERAL_MAX ? EPHEMERAL_MIN : port + 1;
      if (!taken.has(port) && !this.#udpPorts.has(port)) return port;
    }
    return 0;
  }

  /** Sends a datagram on its way. @returns 0, or a negated error number that the sender sees. */
  sendDatagram(sender: UdpPort, datagram: Datagram): number {
    if (!this.isLocal(datagram.from.address) && sender.local.address !== datagram.from.address) {
      return -EADDRNOTAVAIL;
    }
    const path = this.#path(datagram.from.address, datagram.to.address);
    const copies = this.#chance(path.duplicateRatio) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#chance(path.lossRatio)) {
        this.lostCount += 1;
        continue;
      }
      this.clock.schedule(this.#delayMs(path), () => this.#arrive(sender, datagram, path));
    }
    return 0;
  }

  /** Opens a TCP connection; the answer's `onChange` tells how it goes. */
  connect(local: Endpoint, remote: Endpoint): SimStream {
    const client = new SimStream(this, local, remote, "connecting");
    this.clock.schedule(CONNECT_TIMEOUT_MS, () => {
      if (client.isConnecting) client.fail(ETIMEDOUT);
    });
    this.transmit(client, () => this.#greet(client));
    return client;
  }

  /** Two streams that are connected with each other and never lose anything (socketpair(2)). */
  connectedPair(): readonly [SimStream, SimStream] {
    this.#pairCount += 1;
    const [left, right] = ["left", "right"].map((end) => ({
      address: `pair-${this.#pairCount}-${end}`,
      port: 0,
    })) as [Endpoint, Endpoint];
    const one = new SimStream(this, left, right, "open");
    const other = new SimStream(this, right, left, "open");
    one.establish(other);
    return [one, other];
  }

  /** Carries something from `stream` to its other end, in order; losses only delay it. */
  transmit(stream: SimStream, arrive: () => void): void {
    const path = this.#path(stream.local.address, stream.remote.address);
    if (path.lossRatio === 1) return;
    let delayMs = this.#delayMs(path);
    for (let tries = 0; tries < RETRANSMITS_MAX && this.#chance(path.lossRatio); tries++) {
      delayMs += RETRANSMIT_MS * 2 ** tries;
    }
    const atMs = Math.max(this.clock.nowMs + delayMs, stream.lastArrivalMs);
    stream.lastArrivalMs = atMs;
    this.clock.schedule(atMs - this.clock.nowMs, arrive);
  }

  #arrive(sender: UdpPort, datagram: Datagram, path: PathOptions): void {
    const port = this.#udpPortFor(datagram);
    if (port !== null) port.deliver(datagram);
    else if (path.silent !== true) {
      const back = this.#path(datagram.to.address, datagram.from.address);
      this.clock.schedule(this.#delayMs(back), () => sender.refuse(datagram.to));
    }
  }

  #udpPortFor(datagram: Datagram): UdpPort | null {
    let best: UdpPort[] = [];
    let bestScore = 0;
    for (const port of this.#udpPorts.get(datagram.to.port) ?? []) {
      if (!this.#covers(port.local, datagram.to)) continue;
      if (port.remote !== null && !isSame(port.remote, datagram.from)) continue;
      const score = 1 + (port.remote !== null ? 2 : 0) + (isWildcard(port.local.address) ? 0 : 1);
      if (score < bestScore) continue;
      if (score > bestScore) best = [];
      bestScore = score;
      best.push(port);
    }
    return best.length === 0 ? null : best[spread(datagram.from, best.length)]!;
  }

  #greet(client: SimStream): void {
    const listening = [...this.#tcpPorts].filter((port) => port.isListening);
    const candidates = listening.filter((port) => this.#covers(port.local, client.remote));
    const exact = candidates.filter((port) => !isWildcard(port.local.address));
    const pool = exact.length > 0 ? exact : candidates;
    const server = new SimStream(this, client.remote, client.local, "open");
    if (pool.length === 0) {
      this.transmit(server, () => client.isConnecting && client.fail(ECONNREFUSED));
      return;
    }
    const port = pool[spread(client.local, pool.length)]!;
    if (!port.hasRoom()) return;
    this.transmit(server, () => {
      if (!client.isConnecting) return;
      // The acknowledgement goes first: what the client writes must find an accepted connection.
      this.transmit(client, () => port.accept(server));
      client.establish(server);
    });
  }

  #conflict(left: Endpoint, right: Endpoint): boolean {
    return this.#covers(left, right) || this.#covers(right, left);
  }

  /** Whether a socket bound to `local` gets what is sent to `to`: wildcards are the server's. */
  #covers(local: Endpoint, to: Endpoint): boolean {
    if (local.port !== to.port) return false;
    if (local.address === to.address) return true;
    if (!isWildcard(local.address) || !this.isLocal(to.address)) return false;
    return familyOf(local.address) === familyOf(to.address);
  }

  #path(from: string, to: string): PathOptions {
    const paths = this.#paths;
    return (
      paths.get(`${from}>${to}`) ??
      paths.get(`${from}>*`) ??
      paths.get(`*>${to}`) ??
      paths.get("*>*") ??
      {}
    );
  }

  #delayMs(path: PathOptions): number {
    const jitterMs = path.jitterMs ?? 0;
    return (path.delayMs ?? 0) + (jitterMs > 0 ? this.#prng.below(jitterMs + 1) : 0);
  }

  #chance(ratio: number | undefined): boolean {
    return ratio !== undefined && ratio > 0 && this.#prng.below(1_000_000) < ratio * 1_000_000;
  }
}

export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

export function isSame(left: Endpoint, right: Endpoint): boolean {
  return left.port === right.port && left.address === right.address;
}

/** Which of the sockets that share a port gets a peer's packets: always the same one. */
function spread(from: Endpoint, count: number): number {
  let hash = from.port;
  for (let at = 0; at < from.address.length; at++) {
    hash = (Math.imul(hash, 31) + from.address.charCodeAt(at)) >>> 0;
  }
  return (Math.imul(hash, 0x9e3779b1) >>> 16) % count;
}
