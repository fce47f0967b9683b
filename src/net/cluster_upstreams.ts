/**
 * Where the cluster's own names are asked for: what stands in for us must answer those, and the
 * upstream of all other names does not.
 */

import type { ForwardPlan, Plan, ViewPlan } from "../handoff/plan.ts";
import { formatEndpoint } from "../std/ip_address.ts";
import type { Endpoint } from "./settings.ts";

export interface ClusterUpstreams {
  /** Each once, sorted. */
  readonly upstreams: readonly Endpoint[];
  /** A zone they answer, for probes: `cluster.local.`; null when there are none. */
  readonly zone: string | null;
}

const ROOT = ".";
const USUAL_ZONE = "cluster.local.";

/**
 * The upstreams of the cluster's zones. Those of `.` only where all names go there.
 *
 * Beside the cluster's zones there may be others with upstreams of their own. What tells them apart
 * is the usual name, and else that reverse lookups of the cluster's addresses go the same way.
 */
export function clusterUpstreams(plan: Plan): ClusterUpstreams {
  const own = plan.views.filter((view) => !view.zones.includes(ROOT) && !isReverse(view));
  const reverse = new Set(plan.views.filter(isReverse).flatMap((view) => upstreamKeys(view)));
  const chosen =
    [
      own.filter((view) => view.zones.some(isUsual)),
      own.filter((view) => upstreamKeys(view).some((key) => reverse.has(key))),
      own,
      plan.views.filter((view) => view.zones.includes(ROOT)),
    ].find((views) => views.some((view) => upstreamsOf(view).length > 0)) ?? [];
  const byKey = new Map<string, Endpoint>();
  for (const view of chosen) {
    for (const upstream of upstreamsOf(view)) byKey.set(keyOf(upstream), upstream);
  }
  const [first] = chosen.filter((view) => upstreamsOf(view).length > 0);
  return {
    upstreams: [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, upstream]) => upstream),
    zone: first === undefined ? null : zoneOf(first),
  };
}

function isReverse({ zones }: ViewPlan): boolean {
  return zones.length > 0 && zones.every(isReverseZone);
}

function isReverseZone(zone: string): boolean {
  return /(?:^|\.)(?:in-addr|ip6)\.arpa\.$/.test(zone);
}

function isUsual(zone: string): boolean {
  return zone === USUAL_ZONE || zone.endsWith(`.${USUAL_ZONE}`);
}

function zoneOf({ zones }: ViewPlan): string {
  return zones.find(isUsual) ?? zones.find((zone) => !isReverseZone(zone)) ?? ROOT;
}

function upstreamsOf(view: ViewPlan): Endpoint[] {
  const zone = zoneOf(view);
  const forward = view.forwards.find((candidate) => serves(candidate, zone));
  return (forward?.upstreams ?? []).map(({ address, port }) => ({ address, port }));
}

function upstreamKeys(view: ViewPlan): string[] {
  return view.forwards.flatMap(({ upstreams }) => upstreams.map(keyOf));
}

function serves({ from, except }: ForwardPlan, zone: string): boolean {
  return isWithin(zone, from) && !except.some((other) => isWithin(zone, other));
}

function isWithin(zone: string, parent: string): boolean {
  return parent === ROOT || zone === parent || zone.endsWith(`.${parent}`);
}

function keyOf({ address, port }: Endpoint): string {
  return formatEndpoint(address, port);
}
