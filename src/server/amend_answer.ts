// Hot path.
/** Plugins that change answers on their way out. */

import { TRANSPORT_EXCHANGE } from "./client.ts";
import type { Plane } from "./plane.ts";
import type { View } from "./view.ts";

/**
 * Lets the plugins of `view` change the answer to `plane.query`; not one that goes to a plugin.
 *
 * @returns its length.
 */
export function amendAnswer(
  plane: Plane,
  view: View,
  target: number,
  length: number,
  limitBytes: number,
): number {
  const { amends } = view;
  if (amends === null || plane.client.transport === TRANSPORT_EXCHANGE) return length;
  const { query, bytes } = plane;
  let amended = length;
  for (let index = 0; index < amends.length; index++) {
    amended = amends[index]!.amend(query, bytes, plane.view, target, amended, limitBytes);
  }
  return amended;
}
