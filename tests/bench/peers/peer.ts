/**
 * What a server under test is to the bench: a name, a version and a command line.
 *
 * A peer knows its own configuration language and nothing of scenarios; `start.ts` runs it.
 */

/** How one start of a peer is wanted. */
export interface PeerOptions {
  /** UDP and TCP port on 127.0.0.1 to listen on. */
  port: number;
  /** Port on 127.0.0.1 of the authoritative upstream. */
  upstreamPort: number;
  /** Room for at least this many names, where the peer counts names. */
  cacheNames: number;
  /** Budget of the cache in bytes, where the peer counts bytes. */
  cacheBytes: number;
  /** Directory of this start for configuration, logs and pid files. */
  directory: string;
  /** True when the scenario asks over TCP. */
  tcp: boolean;
}

/** One kind of server. */
export interface Peer {
  /** Short name, as in `--peers`. */
  id: string;
  /** Version as the program says it, or null when it cannot be run here. */
  version(): string | null;
  /** Writes the configuration and returns the command line; the process must not fork away. */
  command(options: PeerOptions): string[];
  /** Why the peer cannot take part in a scenario, by scenario name. */
  cannot: Readonly<Record<string, string>>;
  /** True when answers carry the address that belongs to the name. */
  answersByName: boolean;
}
