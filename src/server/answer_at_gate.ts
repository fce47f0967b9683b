// Hot path.
/** Plugins right before the cache: does one of them deny the query? */

import type { GatePlugin } from "../plugins/gate_plugin.ts";
import { writeDenial } from "../wire/denial_answer.ts";
import { amendAnswer } from "./amend_answer.ts";
import { NO_ANSWER } from "./answer_codes.ts";
import { logAtOnce, noteGiven } from "./note_hit.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

/** @returns the length of the answer to `plane.query` at `target`, NO_ANSWER when it goes on. */
export function answerAtGate(
  plane: Plane,
  view: View,
  gates: readonly GatePlugin[],
  target: number,
  limitBytes: number,
): number {
  const { query, words } = plane;
  for (let index = 0; index < gates.length; index++) {
    const denial = gates[index]!.deny(query);
    if (denial === null) continue;
    const { rcode, zoneLength, soa } = denial;
    const denied = writeDenial(
      words,
      plane.view,
      target,
      limitBytes,
      query,
      rcode,
      zoneLength,
      soa,
    );
    const length = amendAnswer(plane, view, target, denied, limitBytes);
    if (view.counts) noteGiven(plane, target, length, view.gateAnswerers[index]!);
    if (view.logClasses !== 0) logAtOnce(plane, view, target, length);
    return length;
  }
  return NO_ANSWER;
}
