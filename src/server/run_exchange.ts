/**
 * The way of a query through the plugins before the cache, and of the answer back to its client.
 * See exchanges.ts.
 */

import { buildEntry, KIND_DEAD } from "../cache/entry.ts";
import { ANSWERED_BY_NONE } from "../handoff/answerers.ts";
import { COUNTER } from "../handoff/counters.ts";
import { TCP_MESSAGE_BYTES_MAX } from "../limits.ts";
import type { Done, FrontPlugin, Request } from "../plugins/front_plugin.ts";
import { writeCleanReply } from "../wire/clean_reply.ts";
import { CLASS_IN, NO_EDE, RCODE_REFUSED, RCODE_SERVFAIL } from "../wire/constants.ts";
import { type DnsMessage, decodeMessage, encodeMessage, messageFor } from "../wire/message.ts";
import { wireToName } from "../wire/name.ts";
import { REPLY_OK, readReply } from "../wire/reply.ts";
import { ANSWER_LATER, NO_ANSWER } from "./answer_codes.ts";
import { TRANSPORT_EXCHANGE, TRANSPORT_UDP } from "./client.ts";
import { deliverTcp } from "./deliver_tcp.ts";
import { NO_QUESTION } from "./exchanges.ts";
import { answerWaiter } from "./finish.ts";
import { logPanic } from "./log_answer.ts";
import type { Plane } from "./plane.ts";
import { requestOf, writeRequest } from "./request.ts";
import type { View } from "./view.ts";
import { NO_WAITER } from "./waiters.ts";
import { NO_SCOPE } from "./zone_router.ts";

/**
 * Answers `plane.query` from the cache of a view or what is behind it: the length of the answer at
 * `target`, NO_ANSWER or ANSWER_LATER.
 */
export type AnswerView = (plane: Plane, view: View, target: number, limitBytes: number) => number;

/**
 * Hands `plane.query` to the plugins of `view`.
 *
 * @param answerView how the last of them gets its answer; an argument, since it is what calls us.
 * @returns ANSWER_LATER; NO_ANSWER when there is no room for the client to wait.
 */
export function startExchange(plane: Plane, view: View, answerView: AnswerView): number {
  const { waiters, query, client, nowMs } = plane;
  const waiter = waiters.add(query, client, nowMs);
  if (waiter === NO_WAITER) return NO_ANSWER;
  plane.exchanges.begin(view);
  plane.listeners.hold(client.listener);
  const asked = requestOf(plane);
  runFrom(0, asked, (answer) => endExchange(plane, view, waiter, answer));
  return ANSWER_LATER;

  function runFrom(position: number, request: Request, done: Done): void {
    const plugin = view.front?.plugins[position];
    if (plugin === undefined) askView({ plane, view, waiter, answerView }, request, done);
    else guard(plugin, position, request, done);
  }

  /** An error of a plugin costs its client a SERVFAIL, not the worker its life. */
  function guard(plugin: FrontPlugin, position: number, request: Request, done: Done): void {
    // Its own answer, unless it hands the query on.
    plane.answeredBy = view.front?.answerers[position] ?? ANSWERED_BY_NONE;
    try {
      plugin.handle(request, (next, nextDone) => runFrom(position + 1, next, nextDone), done);
    } catch (error) {
      logPanic(plane, view, error);
      plane.answeredBy = ANSWERED_BY_NONE;
      done(messageFor(request, { rcode: RCODE_SERVFAIL }));
    }
  }
}

/** Goes on with exchanges whose questions were answered in this turn. */
export function runExchanges(plane: Plane): void {
  while (plane.exchanges.hasAnswered) {
    for (const { done, bytes, by } of plane.exchanges.takeAnswered()) {
      plane.answeredBy = by;
      done(decodeMessage(bytes, 0, bytes.length));
    }
  }
}

interface Exchange {
  readonly plane: Plane;
  readonly view: View;
  /** The client for whom it is all done. */
  readonly waiter: number;
  readonly answerView: AnswerView;
}

/** Asks cache and upstreams for a plugin. */
function askView(exchange: Exchange, request: Request, done: Done): void {
  const { plane, waiter, answerView } = exchange;
  const { exchanges, client, waiters } = plane;
  if (request.class !== CLASS_IN) {
    plane.counters[COUNTER.answersRefused]! += 1;
    done(messageFor(request, { rcode: RCODE_REFUSED }));
    return;
  }
  const failed = messageFor(request, { rcode: RCODE_SERVFAIL });
  // For plugins behind the cache that want to know who asks.
  waiters.load(waiter, exchanges.query, client);
  if (!writeRequest(plane, request, exchanges.queryOffset, exchanges.query)) {
    done(failed);
    return;
  }
  const { scope } = client;
  const slot = exchanges.add((answer) => {
    // What plugins count then, they count for this client.
    client.scope = scope;
    done(answer);
  });
  if (slot === NO_QUESTION) {
    plane.counters[COUNTER.shedExchanges]! += 1;
    done(failed);
    return;
  }
  const { query } = plane;
  plane.query = exchanges.query;
  const view = request.isAskedAnew ? viewOf(plane, exchange.view) : exchange.view;
  client.transport = TRANSPORT_EXCHANGE;
  client.connection = slot;
  const target = exchanges.answerOffset;
  const length = answerView(plane, view, target, TCP_MESSAGE_BYTES_MAX);
  plane.query = query;
  if (length === ANSWER_LATER) return;
  exchanges.remove(slot);
  done(length > 0 ? decodeMessage(plane.bytes, target, length) : failed);
}

/** The view that `plane.query` belongs to; `view` when there is none. */
function viewOf(plane: Plane, view: View): View {
  const { query, listeners, client, views, scopeViews, viewChoice } = plane;
  const { nameBytes, nameLength, labels, labelCount } = query;
  const router = listeners.routers[client.listener]!;
  const found = router.find(nameBytes, nameLength, labels, labelCount);
  const scope = viewChoice === null ? found : viewChoice.choose(found);
  return scope === NO_SCOPE ? view : views[scopeViews[scope]!]!;
}

/** Gives the client that waits as `waiter` its answer, or lets it go without one. */
function endExchange(plane: Plane, view: View, waiter: number, answer: DnsMessage | null): void {
  const { waiters, client, query } = plane;
  waiters.load(waiter, query, client);
  const { listener } = client;
  if (answer === null) {
    // A connection that waits is told that this answer will not come.
    if (client.transport !== TRANSPORT_UDP) {
      deliverTcp(plane, client.connection, client.generation, 0, 0);
    }
  } else {
    prepareAnswer(plane, waiter, answer);
    answerWaiter(plane, view, waiter);
  }
  waiters.release(waiter);
  plane.listeners.release(listener);
  plane.exchanges.end(view);
}

/** Makes `answer` the image in the scratch memory, with the question that the client asked. */
function prepareAnswer(plane: Plane, waiter: number, answer: DnsMessage): void {
  const { waiters, view } = plane;
  const at = waiters.questionOffset(waiter);
  const nameBytes = waiters.questionBytes(waiter) - 4;
  const question = {
    name: wireToName(plane.bytes.slice(at, at + nameBytes)),
    type: view.getUint16(at + nameBytes),
    class: view.getUint16(at + nameBytes + 2),
  };
  if (fillScratch(plane, { ...answer, question })) return;
  plane.counters[COUNTER.panics]! += 1;
  fillScratch(plane, messageFor(question, { rcode: RCODE_SERVFAIL }));
}

/** @returns false when the message cannot be sent: a name or record data in it are malformed. */
function fillScratch(plane: Plane, message: DnsMessage): boolean {
  const { reply, scratch, exchanges } = plane;
  let encoded: Uint8Array;
  try {
    encoded = encodeMessage(message);
  } catch {
    return false;
  }
  const offset = exchanges.answerOffset;
  plane.bytes.set(encoded, offset);
  if (readReply(plane.bytes, plane.view, offset, encoded.length, reply) !== REPLY_OK) return false;
  scratch.messageLength = writeCleanReply(
    plane.bytes,
    plane.view,
    reply,
    scratch.bytes,
    scratch.words,
    scratch.view,
    scratch.messageOffset,
    TCP_MESSAGE_BYTES_MAX,
    scratch.ttlOffsets,
  );
  scratch.ttlCount = reply.ttlCount;
  scratch.infoCode = message.infoCode ?? NO_EDE;
  if (scratch.messageLength === 0) return false;
  scratch.decision.kind = KIND_DEAD;
  scratch.decision.lifetimeSec = 0;
  buildEntry(
    scratch.words,
    scratch.view,
    0,
    scratch.messageLength,
    scratch.ttlOffsets,
    scratch.ttlCount,
    0,
    reply.nameLength,
    reply.type,
    reply.class,
    0,
    0,
    scratch.decision,
    plane.nowSec,
  );
  return true;
}
