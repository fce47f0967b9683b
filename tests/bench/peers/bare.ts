/** The bare responder: what the socket path alone costs, in C, without any lookup. */
import { program } from "../programs.ts";
import type { Peer, PeerOptions } from "./peer.ts";

const NO_CACHE = "it has no cache";

export const bare: Peer = {
  id: "bare",
  version: () => "batches of 64",
  command,
  answersByName: false,
  cannot: { idle: NO_CACHE, miss: NO_CACHE, scale: NO_CACHE, memory: NO_CACHE, start: NO_CACHE },
};

/** Over TCP the pattern upstream takes its place: it looks nothing up either. */
function command(options: PeerOptions): string[] {
  return [program("responder"), options.tcp ? "--upstream" : "--bare", "--port", `${options.port}`];
}
