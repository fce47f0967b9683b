/**
 * What a plugin is that stands before the cache: it may answer by itself, ask something else in
 * place of what the client asked, and change the answer on its way back.
 *
 *   client ─ wants? ─ no ──────────────────────────── cache ─ upstream      the usual way
 *               └─ yes ─ handle ─ next ─ handle ─ next ─┘
 *
 * Lives in the data plane. `wants` is on the way of every query of a server block with such
 * plugins and is as cheap as a few comparisons; `handle` is plain code on whole messages.
 */

import type { DnsMessage, DnsQuestion } from "../wire/message.ts";
import type { Query } from "../wire/query.ts";

/** Where a query comes from, while `wants` looks at it. Borrowed. */
export interface ClientAddress {
  /** The address in network order: `length` bytes, 4 or 16, at `offset`. */
  bytes: Uint8Array;
  offset: number;
  length: number;
}

export interface RequestClient {
  /** Text, without brackets. */
  readonly address: string;
  /** The same in network order, 4 or 16 bytes. */
  readonly addressBytes: Uint8Array;
  readonly port: number;
  readonly isTcp: boolean;
}

/** A query on its way through the plugins. A plugin passes on a changed copy. */
export interface Request extends DnsQuestion {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly authenticData: boolean;
  readonly dnssecOk: boolean;
  readonly hasOpt: boolean;
  /** What the client can take by UDP. */
  readonly udpSizeBytes: number;
  readonly client: RequestClient;
  /** Whether the name is looked up in whatever server block it belongs to, from its cache on. */
  readonly isAskedAnew?: boolean;
  /** What the client has asked: the address in network order, 4 or 16 bytes. */
  readonly server?: { readonly addressBytes: Uint8Array; readonly port: number };
  /**
   * EDNS options for upstreams, as in an OPT record; those of the client are not among them. The
   * answer is cached and shared as if there were none.
   */
  readonly options?: Uint8Array;
}

/** Takes the answer; `null`: the client gets none. To be called once, at once or later. */
export type Done = (answer: DnsMessage | null) => void;

/** Asks the rest of the plugins, the cache and the upstreams. */
export type Next = (request: Request, done: Done) => void;

export interface FrontPlugin {
  /**
   * Hot path. Whether the query may concern it: when no plugin of the server block says so, the
   * query takes the usual way. Allocates nothing.
   */
  wants(query: Query, client: ClientAddress): boolean;
  /** Hot path. For who counts: nobody wants the query, and it takes the usual way. */
  pass?(): void;
  /**
   * Handles a request, by calling `done` or `next`; also one that it does not want, if another
   * plugin did or has changed it.
   */
  handle(request: Request, next: Next, done: Done): void;
}
