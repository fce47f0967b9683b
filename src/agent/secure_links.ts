/**
 * DNS over TLS for workers (RFC 7858): each link is a socket whose other end a worker has, and a
 * connection by TLS to an upstream. What comes in by the one goes out by the other.
 *
 * Knows no DNS but one thing: two zero bytes, a message without content, tell the worker that the
 * handshake is done; before that it sends nothing. A link that cannot be made is closed, and the
 * worker counts a failure of the upstream; why it failed is said here, once and not per query.
 *
 * Loaded when the first link is wanted: nothing of TLS is in memory before.
 */

import { isIP, Socket } from "node:net";
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from "node:tls";
import type { SecureUpstream } from "../handoff/worker_start.ts";
import { loggerOf } from "../log/logger.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import { SecureContexts } from "./secure_context.ts";
import { tlsFailure } from "./tls_failure.ts";

const IS_MADE = Uint8Array.of(0, 0);
/** More than there are upstreams: what is known of earlier configurations does not pile up. */
const UPSTREAMS_MAX = 128;

export class SecureLinks {
  readonly #contexts = new SecureContexts();
  /** The last session with each upstream, for a handshake of one round trip less. */
  readonly #sessions = new Map<string, Buffer>();
  /** What was said last of upstreams that fail: of one address there may be several settings. */
  readonly #failures = new Map<string, string>();
  readonly #inner = new Set<Socket>();
  readonly #say: Say;

  constructor(say: Say = sayInLog) {
    this.#say = say;
  }

  /** Leads `descriptor`, which is ours from now on, to `upstream`. */
  connect(descriptor: number, upstream: SecureUpstream): void {
    const inner = new Socket({ fd: descriptor, readable: true, writable: true });
    this.#inner.add(inner);
    inner.on("error", () => inner.destroy());
    inner.once("close", () => this.#inner.delete(inner));
    try {
      const context = this.#contexts.get(upstream.tls);
      const key = JSON.stringify([upstream, this.#contexts.version(upstream.tls)]);
      const session = this.#sessions.get(key);
      const options = connectionOptions(upstream, session);
      this.#join(inner, connect({ ...options, secureContext: context }), { upstream, key });
    } catch (error) {
      this.#fails(upstream, error as Error);
      inner.destroy();
    }
  }

  /** Closes all links. */
  stop(): void {
    for (const inner of this.#inner) inner.destroy();
  }

  #join(inner: Socket, outer: TLSSocket, { upstream, key }: Link): void {
    let isMade = false;
    outer.setNoDelay(true);
    outer.once("secureConnect", () => {
      isMade = true;
      this.#works(upstream);
      inner.write(IS_MADE);
      inner.pipe(outer).pipe(inner);
    });
    outer.on("session", (session) => {
      if (this.#sessions.size >= UPSTREAMS_MAX) this.#sessions.clear();
      this.#sessions.set(key, session);
    });
    outer.on("error", (error) => {
      // A connection that has worked may end in any way: the worker makes another.
      if (!isMade) {
        this.#fails(upstream, error);
        this.#sessions.delete(key);
      }
      outer.destroy();
    });
    outer.once("close", () => inner.destroy());
    // Nothing is read before the handshake is done, but the end must be seen.
    inner.resume();
    inner.once("end", () => {
      if (!isMade) this.#fails(upstream, new Error("no answer to the handshake in time"));
    });
    inner.once("close", () => outer.destroy());
  }

  #works(upstream: SecureUpstream): void {
    if (!this.#failures.delete(JSON.stringify(upstream))) return;
    this.#say("info", `TLS with upstream ${nameOf(upstream)} works again`);
  }

  #fails(upstream: SecureUpstream, error: Error): void {
    const key = JSON.stringify(upstream);
    const reason = tlsFailure(error, upstream.tls.serverName ?? upstream.address);
    if (this.#failures.get(key) === reason) return;
    if (this.#failures.size >= UPSTREAMS_MAX) this.#failures.clear();
    this.#failures.set(key, reason);
    this.#say("warning", `TLS with upstream ${nameOf(upstream)} fails: ${reason}`);
  }
}

interface Link {
  readonly upstream: SecureUpstream;
  readonly key: string;
}

type Say = (level: "info" | "warning", text: string) => void;

function sayInLog(level: "info" | "warning", text: string): void {
  loggerOf("forward")[level]("{text}", { text: `plugin/forward: ${text}` });
}

/** The certificate must be for the name that is configured, else for the address. */
function connectionOptions(
  { address, port, sourceAddress, tls }: SecureUpstream,
  session: Buffer | undefined,
): ConnectionOptions {
  const expected = tls.serverName ?? address;
  return {
    host: address,
    port,
    ...(sourceAddress === null ? {} : { localAddress: sourceAddress }),
    // An address is not sent as a name (RFC 6066 §3).
    ...(isIP(expected) === 0 ? { servername: expected } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(expected, certificate),
    rejectUnauthorized: true,
    ...(session === undefined ? {} : { session }),
  };
}

function nameOf({ address, port }: SecureUpstream): string {
  return formatEndpoint(address, port);
}
