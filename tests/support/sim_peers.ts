/**
 * The outside world of a simulation: UDP and TCP peers that a test scripts with plain calls.
 *
 * Peers live on the same network and clock as the server under test but use no system calls: what
 * arrives is kept in `received` and handed to a callback, what they send is on its way at once. All
 * callbacks run while the server sleeps or makes a system call, never in between.
 */

import { EADDRINUSE, SysError } from "../../src/sys/errno.ts";
import type { SimKernel } from "./sim_kernel.ts";
import type { Datagram, Endpoint, SimNetwork, TcpPort, UdpPort } from "./sim_network.ts";
import type { SimStream } from "./sim_stream.ts";

/** A datagram as a peer got it. */
export interface ReceivedDatagram extends Datagram {
  readonly atMs: number;
}

/** One UDP socket of the outside world. */
export class SimUdpPeer implements UdpPort {
  readonly local: Endpoint;
  readonly remote = null;
  readonly reusePort = false;
  /** Everything that arrived and was not yet taken with `take()`, oldest first. */
  readonly received: ReceivedDatagram[] = [];
  /** Destinations of datagrams for which ICMP came back. */
  readonly refused: Endpoint[] = [];
  /** Called for every datagram, after it was added to `received`. */
  onDatagram: ((datagram: ReceivedDatagram) => void) | null = null;
  readonly #network: SimNetwork;

  /** @param port 0 chooses a free one. */
  constructor(sim: SimKernel, address: string, port: number) {
    this.#network = sim.network;
    this.local = { address, port: port === 0 ? sim.network.ephemeralPort() : port };
    if (sim.network.bindUdp(this) < 0) throw new SysError(`open peer ${address}`, EADDRINUSE);
  }

  send(bytes: Uint8Array, to: Endpoint): void {
    this.sendAs(this.local, bytes, to);
  }

  /** Sends with a forged source. */
  sendAs(from: Endpoint, bytes: Uint8Array, to: Endpoint): void {
    const sender: UdpPort = { ...this, local: from, deliver: () => {}, refuse: () => {} };
    const isOwn = from === this.local;
    this.#network.sendDatagram(isOwn ? this : sender, { bytes: bytes.slice(), from, to });
  }

  /** The oldest datagram that was not yet taken; null when there is none. */
  take(): ReceivedDatagram | null {
    return this.received.shift() ?? null;
  }

  deliver(datagram: Datagram): void {
    const received = { ...datagram, atMs: this.#network.clock.nowMs };
    this.received.push(received);
    this.onDatagram?.(received);
  }

  refuse(to: Endpoint): void {
    this.refused.push(to);
  }

  /** Further datagrams are answered by ICMP. */
  close(): void {
    this.#network.unbindUdp(this);
  }
}

/** One end of a TCP connection, in the outside world. */
export class SimTcpPeer {
  readonly stream: SimStream;
  /** Bytes that arrived and were not yet taken. */
  received: Uint8Array = new Uint8Array(0);
  /** Called when bytes arrived or the connection changed. */
  onChange: (() => void) | null = null;
  /** Bytes are left in the receive queue while true: the window closes. */
  isPaused = false;
  #unwritten = new Uint8Array(0);
  #finishWhenWritten = false;

  constructor(stream: SimStream) {
    this.stream = stream;
    stream.onChange = () => this.#changed();
  }

  get local(): Endpoint {
    return this.stream.local;
  }

  get remote(): Endpoint {
    return this.stream.remote;
  }

  get isOpen(): boolean {
    return this.stream.isOpen;
  }

  /** The other end has closed its direction, or all. */
  get isFinished(): boolean {
    return this.stream.isFinished;
  }

  /** The connection was reset, refused or timed out. */
  get isBroken(): boolean {
    return this.stream.isBroken;
  }

  /** Writes all of `bytes`, as fast as the other end takes them. */
  write(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#unwritten.length + bytes.length);
    joined.set(this.#unwritten);
    joined.set(bytes, this.#unwritten.length);
    this.#unwritten = joined;
    this.#flush();
  }

  /** Takes the first `lengthBytes` bytes of `received`; null when there are fewer. */
  take(lengthBytes: number): Uint8Array | null {
    if (this.received.length < lengthBytes) return null;
    const taken = this.received.slice(0, lengthBytes);
    this.received = this.received.slice(lengthBytes);
    return taken;
  }

  /** Takes one DNS message without its length prefix; null when none is complete. */
  takeMessage(): Uint8Array | null {
    if (this.received.length < 2) return null;
    const lengthBytes = (this.received[0]! << 8) | this.received[1]!;
    return this.take(2 + lengthBytes)?.slice(2) ?? null;
  }

  /** Reads again after `isPaused`. */
  resume(): void {
    this.isPaused = false;
    this.#changed();
  }

  /** Half-close, once all is written. */
  finish(): void {
    this.#finishWhenWritten = true;
    this.#flush();
  }

  close(): void {
    this.stream.close();
  }

  reset(): void {
    this.stream.reset();
  }

  #changed(): void {
    this.#flush();
    while (!this.isPaused && this.stream.readableBytes > 0) {
      const bytes = this.stream.read(this.stream.readableBytes) as Uint8Array;
      const joined = new Uint8Array(this.received.length + bytes.length);
      joined.set(this.received);
      joined.set(bytes, this.received.length);
      this.received = joined;
    }
    this.onChange?.();
  }

  #flush(): void {
    if (this.stream.isConnecting) return;
    while (this.#unwritten.length > 0) {
      const count = this.stream.write(this.#unwritten);
      if (count <= 0) return;
      this.#unwritten = this.#unwritten.slice(count);
    }
    if (this.#finishWhenWritten) this.stream.finish();
  }
}

/** Accepts TCP connections in the outside world. */
export class SimTcpServer implements TcpPort {
  readonly local: Endpoint;
  readonly reusePort = false;
  readonly isListening = true;
  /** All connections ever accepted, oldest first. */
  readonly connections: SimTcpPeer[] = [];
  onConnection: ((peer: SimTcpPeer) => void) | null = null;
  /** Connections beyond this many are left unanswered. */
  connectionsMax = Number.POSITIVE_INFINITY;
  readonly #network: SimNetwork;

  constructor(sim: SimKernel, address: string, port: number) {
    this.#network = sim.network;
    this.local = { address, port: port === 0 ? sim.network.ephemeralPort() : port };
    if (sim.network.bindTcp(this) < 0) throw new SysError(`open peer ${address}`, EADDRINUSE);
  }

  hasRoom(): boolean {
    return this.connections.length < this.connectionsMax;
  }

  accept(stream: SimStream): void {
    const peer = new SimTcpPeer(stream);
    this.connections.push(peer);
    this.onConnection?.(peer);
  }

  /** Further connections are refused. */
  close(): void {
    this.#network.unbindTcp(this);
  }
}

/** Opens a TCP connection from the outside world to the server. */
export function connectTcpPeer(sim: SimKernel, address: string, to: Endpoint): SimTcpPeer {
  const local = { address, port: sim.network.ephemeralPort() };
  return new SimTcpPeer(sim.network.connect(local, to));
}
