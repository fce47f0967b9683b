/** Upstreams of a new plan, in numbered places that stay theirs over changes of the plan. */

import type { ForwardPlan, Plan } from "../handoff/plan.ts";
import { CHANNELS_MAX, UPSTREAM_ROWS, UPSTREAMS_MAX } from "../limits.ts";
import { CHANNEL_TCP } from "../upstream/channels.ts";
import type { Route } from "../upstream/route.ts";
import { Upstream, type UpstreamSettings, upstreamSettings } from "../upstream/upstream.ts";
import { endAttempt } from "./attempts.ts";
import type { Plane } from "./plane.ts";

/** What a plan changes: all made, and none of it in effect. */
export interface UpstreamChange {
  /** Those of the plan, by number, new ones and known ones. */
  readonly upstreams: ReadonlyMap<number, Upstream>;
  /** Of each in `forward`, in its order. */
  numbersOf(forward: ForwardPlan): number[];
}

/**
 * A number for every upstream of `plan`. Those with the same address and settings are one,
 * whichever server block names them, and stay the same over changes.
 *
 * @param kept routes that may go on asking.
 * @throws {RangeError} when there are too many, or one cannot be made; then nothing has changed.
 */
export function prepareUpstreams(
  plane: Plane,
  plan: Plan,
  kept: ReadonlySet<Route>,
): UpstreamChange {
  const wanted = new Map<string, UpstreamSettings>();
  for (const settings of plan.views.flatMap(({ forwards }) => forwards.flatMap(upstreamSettings))) {
    wanted.set(textOf(settings), settings);
  }
  if (wanted.size > UPSTREAMS_MAX) {
    const limit = `at most ${UPSTREAMS_MAX} different upstreams in all "forward" lines together`;
    throw new RangeError(`Cannot use this configuration: expected ${limit}`);
  }
  const numbers = new Map<string, number>();
  const upstreams = new Map<number, Upstream>();
  plane.upstreams.forEach((upstream, number) => {
    const text = textOf(upstream.settings);
    if (!wanted.has(text) || numbers.has(text)) return;
    numbers.set(text, number);
    upstreams.set(number, upstream);
  });
  // Idle sockets of those that go; if the change fails after all, they are opened again.
  plane.upstreams.forEach((_, number) => {
    if (!upstreams.has(number)) retireSockets(plane, number);
  });
  const free = freeNumbers(plane, kept, upstreams);
  for (const [text, settings] of wanted) {
    if (numbers.has(text)) continue;
    const number = free.shift();
    if (number === undefined) {
      const why = "upstreams of the one before are still in use";
      throw new RangeError(`Cannot use this configuration yet: ${why}`);
    }
    numbers.set(text, number);
    const upstream = new Upstream(settings);
    upstream.metricsRow = plan.upstreamRows[upstream.name] ?? UPSTREAM_ROWS - 1;
    upstreams.set(number, upstream);
    plane.reserveUpstream(number);
  }
  return {
    upstreams,
    numbersOf: (forward) => upstreamSettings(forward).map((one) => numbers.get(textOf(one))!),
  };
}

/** From now on the plane has these. */
export function useUpstreams(plane: Plane, { upstreams }: UpstreamChange): void {
  for (const [number, upstream] of upstreams) {
    if (plane.upstreams[number] === upstream) continue;
    plane.upstreams[number] = upstream;
    plane.writeProbe(number);
  }
  plane.upstreams.forEach((upstream, number) => {
    upstream.isInPlan = upstreams.has(number);
    // Nobody waits for the answer to a health probe, and it would keep the number.
    if (!upstream.isInPlan) endAttempt(plane, plane.pending.probeOf(number));
  });
}

/** Numbers that nobody refers to after the change. */
function freeNumbers(
  { channels, upstreams }: Plane,
  kept: ReadonlySet<Route>,
  known: ReadonlyMap<number, Upstream>,
): number[] {
  const used = new Set(known.keys());
  for (const route of kept) for (const number of route.upstreams) used.add(number);
  channels.fds.forEach((fd, channel) => {
    if (fd >= 0) used.add(channels.upstreams[channel]!);
  });
  const numbers = Array.from({ length: UPSTREAMS_MAX }, (_, number) => number);
  return numbers.filter((number) => number >= upstreams.length || !used.has(number));
}

/** They take no more questions; those in flight are still answered. */
function retireSockets(plane: Plane, number: number): void {
  const { channels, udpChannels, tcpChannels } = plane;
  for (let channel = 0; channel < CHANNELS_MAX; channel++) {
    if (!channels.isOpen(channel) || channels.upstreams[channel] !== number) continue;
    if (channels.retiring[channel] === 1) continue;
    if (channels.kinds[channel] === CHANNEL_TCP) tcpChannels.retire(channel);
    else udpChannels.retire(channel);
  }
}

function textOf(settings: UpstreamSettings): string {
  return JSON.stringify(settings);
}
