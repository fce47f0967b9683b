// Hot path.
/** Who asked, and how the answer gets back: filled by the transport, borrowed by everyone else. */

export const TRANSPORT_UDP = 0;
export const TRANSPORT_TCP = 1;
/** A plugin asks on behalf of a client, see exchanges.ts; `connection` is the question. */
export const TRANSPORT_EXCHANGE = 2;

/** Nobody: the question is asked for the cache, see refresh.ts. */
export const TRANSPORT_NONE = 3;

export class Client {
  /** TRANSPORT_…. */
  transport = TRANSPORT_UDP;
  /** Index of the listener that the query came in by. */
  listener = 0;
  /** The zone that was asked, see handoff/scope_numbers.ts; NO_SCOPE when none takes the query. */
  scope = -1;
  /** The client's sockaddr in the slab. */
  nameOffset = 0;
  nameBytes = 0;
  /** UDP: a control message with the address that was asked; 0 bytes on a socket of one address. */
  controlOffset = 0;
  controlBytes = 0;
  /** Size of the query. */
  queryBytes = 0;
  /** TCP: the connection, and which use of its slot. */
  connection = 0;
  generation = 0;
}
