/** Plugins behind the cache: do they have an answer of their own to a pending question? */

import { COUNTER } from "../handoff/counters.ts";
import type { BackPlugin } from "../plugins/back_plugin.ts";
import { RCODE_SERVFAIL } from "../wire/constants.ts";
import { type DnsMessage, encodeMessage, messageFor } from "../wire/message.ts";
import { REPLY_OK, readReply } from "../wire/reply.ts";
import { logPanic } from "./log_answer.ts";
import type { Plane } from "./plane.ts";
import { requestOf } from "./request.ts";
import type { View } from "./view.ts";

/**
 * Asks `plugins` of `view` for an answer to `plane.query`. Which of them has one is in
 * `plane.answeredBy`.
 *
 * @returns true when there is one: `plane.reply` then tells of it, as of an upstream's.
 */
export function answerBehind(plane: Plane, view: View, plugins: readonly BackPlugin[]): boolean {
  const request = requestOf(plane);
  for (const [index, plugin] of plugins.entries()) {
    let answer: DnsMessage | null;
    try {
      answer = plugin.answer(request);
    } catch (error) {
      // An error of a plugin costs its client a SERVFAIL, not the worker its life.
      logPanic(plane, view, error);
      answer = messageFor(request, { rcode: RCODE_SERVFAIL });
    }
    if (answer === null) continue;
    plane.answeredBy = view.backAnswerers[index]!;
    if (readOwn(plane, answer)) return true;
    plane.counters[COUNTER.panics]! += 1;
    return readOwn(plane, messageFor(request, { rcode: RCODE_SERVFAIL }));
  }
  return false;
}

/** @returns false when the message cannot be sent: a name or record data in it are malformed. */
function readOwn(plane: Plane, answer: DnsMessage): boolean {
  let encoded: Uint8Array;
  try {
    encoded = encodeMessage(answer);
  } catch {
    return false;
  }
  const { answerOffset } = plane.exchanges;
  plane.bytes.set(encoded, answerOffset);
  return readReply(plane.bytes, plane.view, answerOffset, encoded.length, plane.reply) === REPLY_OK;
}
