/**
 * "Who are you?": TXT in class CHAOS for `instance.nodens.`, as `id.server.` of RFC 4892.
 *
 * When nodens has taken an address over, it asks there: only if the answer names its own instance
 * do queries really come to it, and not to kube-dns behind somebody's NAT or to another process.
 */

import { INSTANCE_NAME } from "../handoff/instance.ts";
import { CLASS_CH, TYPE_ANY, TYPE_TXT } from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import { writeTextAnswer } from "../wire/text_answer.ts";
import type { Plane } from "./plane.ts";

const NAME = nameToWire(INSTANCE_NAME);

/** Whether `plane.query` asks for that. Cold: of all queries only those that no view takes. */
export function asksForInstance(plane: Plane): boolean {
  const { query } = plane;
  if (query.class !== CLASS_CH || query.nameLength !== NAME.length) return false;
  if (query.type !== TYPE_TXT && query.type !== TYPE_ANY) return false;
  return NAME.every((byte, at) => query.nameBytes[at] === byte);
}

/** @returns the length of the answer at `target`. */
export function answerInstance(plane: Plane, target: number, limitBytes: number): number {
  const { words, view, query, instance } = plane;
  return writeTextAnswer(words, view, target, limitBytes, query, instance);
}
