// Hot path.
/** Records of answers for clients come in the order that their server block has for them. */

import { TRANSPORT_EXCHANGE } from "./client.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

/**
 * Orders the answer of `length` bytes at `target`, unless it is for a plugin: what plugins make of
 * it is ordered at last.
 *
 * @returns its length, at most `limitBytes`.
 */
export function orderAnswer(
  plane: Plane,
  view: View,
  target: number,
  length: number,
  limitBytes: number,
): number {
  if (view.order === null || plane.client.transport === TRANSPORT_EXCHANGE) return length;
  return view.order.arrange(plane.bytes, plane.view, target, length, limitBytes);
}
