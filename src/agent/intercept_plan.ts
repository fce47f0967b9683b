/** What interception changes in a plan: how listeners are bound, and one more to ask workers by. */

import { type ListenerPlan, type Plan, TIMEOUTS_DEFAULT, type ZoneRoute } from "../handoff/plan.ts";
import { SCOPE_OVERFLOW } from "../handoff/scope_numbers.ts";
import { formatEndpoint } from "../std/ip_address.ts";

const LOOPBACK = "127.0.0.1";
const WILDCARDS: Readonly<Record<"4" | "6", string>> = { 4: "0.0.0.0", 6: "::" };

/**
 * Makes the listeners of the addresses transparent, so that they can be bound before the machine
 * has the addresses, and adds the private one that every worker has for itself on loopback, where
 * all zones of those listeners are answered.
 *
 * @throws {Error} when nothing listens on one of them: it would be taken over by nobody.
 */
export function interceptPlan(plan: Plan, addresses: readonly string[], port: number): Plan {
  const isTaken = (listener: ListenerPlan) =>
    listener.port === port &&
    addresses.some((address) => [address, wildcardOf(address)].includes(listener.address));
  for (const address of addresses) requireListener(plan, address, port);
  const zones = new Map<string, ZoneRoute>();
  const taken = plan.listeners.filter(isTaken);
  for (const listener of taken) {
    for (const route of listener.zones) {
      if (!zones.has(route.zone)) zones.set(route.zone, route);
    }
  }
  const listeners = plan.listeners.map((listener) =>
    isTaken(listener) ? { ...listener, isTransparent: true } : listener,
  );
  listeners.push({
    address: LOOPBACK,
    port: 0,
    isTransparent: false,
    isPrivate: true,
    zones: [...zones.values()],
    droppedScope: taken[0]?.droppedScope ?? SCOPE_OVERFLOW,
    timeouts: TIMEOUTS_DEFAULT,
  });
  return { ...plan, listeners };
}

function requireListener(plan: Plan, address: string, port: number): void {
  const wanted = [address, wildcardOf(address)];
  const found = plan.listeners.some(
    (listener) => listener.port === port && wanted.includes(listener.address),
  );
  if (found) return;
  const what = `Cannot take over ${formatEndpoint(address, port)}`;
  const advice = `add it to "bind" in the server blocks, or take it out of -localip`;
  throw new Error(`${what}: no server block listens there: ${advice}`);
}

function wildcardOf(address: string): string {
  return WILDCARDS[address.includes(":") ? "6" : "4"];
}
