/** `nodens query NAME [TYPE] [@SERVER]`: a small dig. */

import { askServer, NoAnswerError } from "./dns_client.ts";
import type { QueryOptions } from "./query_flags.ts";
import { describeReply, jsonReply, shortReply } from "./reply_text.ts";
import type { Terminal } from "./terminal.ts";
import { EXIT_FAILED, EXIT_STOPPED } from "./usage_error.ts";

/** Prints the answer; returns 0 for any answer, whatever its status, and 1 for none. */
export async function queryCommand(options: QueryOptions, terminal: Terminal): Promise<number> {
  const { name, type, dnssec, output, ...exchange } = options;
  try {
    const reply = await askServer({ name, type, dnssec }, exchange);
    const write = { text: describeReply, short: shortReply, json: jsonReply }[output];
    const text = write(reply);
    if (text !== "") terminal.out(text);
    return EXIT_STOPPED;
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    terminal.error(`nodens query: ${error.message}`);
    return EXIT_FAILED;
  }
}
