/** What an expression of `view` may ask about a query. */

export interface QueryFacts {
  /** What the client can take by UDP. */
  bufferBytes(): number;
  /** `IN`, `CH` … */
  className(): string;
  /** With brackets when it is IPv6. */
  clientIp(): string;
  clientPort(): number;
  dnssecOk(): boolean;
  id(): number;
  /** In small letters, with its final dot. */
  name(): string;
  opcode(): number;
  /** `udp` or `tcp`. */
  protocol(): string;
  /** With brackets when it is IPv6. */
  serverIp(): string;
  serverPort(): number;
  /** Of the query. */
  sizeBytes(): number;
  /** `A`, `AAAA` … */
  typeName(): string;
}
