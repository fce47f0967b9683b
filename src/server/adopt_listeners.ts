/** Opens the listeners that a plan names and are not open yet, and lets go of all others. */

import type { ListenerPlan } from "../handoff/plan.ts";
import { LISTENER_LEAVE_MS, LISTENERS_MAX, UDP_RECEIVE_BUFFER_BYTES } from "../limits.ts";
import { EPOLL_CTL_ADD, EPOLLIN } from "../sys/layout.ts";
import { closeListenerTcp, finishListenerTcp, moveListenerTcp } from "./finish_tcp.ts";
import { acceptClients } from "./handle_tcp.ts";
import { NO_LISTENER } from "./listener_table.ts";
import { handleDatagrams } from "./listeners.ts";
import { type Plane, TAG_TCP_LISTENER } from "./plane.ts";
import { firstOfZones } from "./view_choice.ts";
import { ZoneRouter } from "./zone_router.ts";

/** Addresses that stand for "all of this machine". */
const WILDCARDS = new Set(["0.0.0.0", "::"]);
/** Calls to empty what waits in a socket that nothing more comes to. */
const DRAIN_CALLS_MAX = 64;
/** Connections that may wait at a listener that goes; a backlog is no longer than 4096. */
const ACCEPT_CALLS_MAX = 64;

/**
 * Opens what `plans` name and the plane has not. Nothing else is changed yet.
 *
 * @returns the listeners, in the order of `plans`.
 * @throws {SysError | RangeError} when one cannot be had; those opened before it are closed again.
 */
export function openListeners(plane: Plane, plans: readonly ListenerPlan[]): number[] {
  const opened: number[] = [];
  if (plans.length > LISTENERS_MAX) {
    const limit = `at most ${LISTENERS_MAX} addresses and ports to listen on in all`;
    throw new RangeError(`Cannot use this configuration: expected ${limit}`);
  }
  try {
    return plans.map((plan) => {
      const known = plane.listeners.find(plan);
      if (known !== NO_LISTENER) return known;
      const listener = openListener(plane, plan);
      opened.push(listener);
      return listener;
    });
  } catch (error) {
    for (const listener of opened) closeListener(plane, listener);
    throw error;
  }
}

/**
 * From now on the plane listens by `listeners`, which `openListeners` has returned for `plans`, and
 * by no others.
 *
 * @returns those that leave: `letGo` of each.
 */
export function useListeners(
  plane: Plane,
  plans: readonly ListenerPlan[],
  listeners: readonly number[],
): number[] {
  const { listeners: table } = plane;
  plans.forEach(({ zones, droppedScope, timeouts }, index) => {
    const listener = listeners[index]!;
    table.routers[listener] = new ZoneRouter(firstOfZones(zones));
    table.droppedScopes[listener] = droppedScope;
    table.readMs[listener] = timeouts.readMs;
    table.writeMs[listener] = timeouts.writeMs;
    table.idleMs[listener] = timeouts.idleMs;
  });
  for (const listener of listeners) {
    // An address that was gone for a moment: its connections have the new configuration, too.
    if (table.active.includes(listener)) continue;
    for (const before of table.leavingTwins(listener)) moveListenerTcp(plane, before, listener);
  }
  const leaving = table.active.filter((listener) => !listeners.includes(listener));
  table.active = [...listeners];
  return leaving;
}

/** Closes listeners that have been leaving for long enough. To be called once a second. */
export function sweepListeners(plane: Plane): void {
  const { listeners, nowMs } = plane;
  for (const listener of listeners.leaving) {
    const sinceMs = listeners.leavingForMs(listener, nowMs);
    const isDue = sinceMs >= LISTENER_LEAVE_MS;
    const connections = finishListenerTcp(plane, listener, isDue);
    if (!isDue || listeners.isHeld(listener)) continue;
    if (connections === 0 || sinceMs >= 2 * LISTENER_LEAVE_MS) closeListener(plane, listener);
  }
}

/**
 * From now on nothing new comes to us: queries by UDP and connections go to whoever shares our
 * addresses. Twice does no harm.
 */
export function letGoOfAll(plane: Plane): void {
  const { listeners, sockets } = plane;
  for (const listener of listeners.active) {
    sockets.leaveGroup(listeners.udpFds[listener]!);
    stopAccepting(plane, listener);
  }
}

/** Closes all of them, at the end. */
export function closeListeners(plane: Plane): void {
  for (let listener = 0; listener < LISTENERS_MAX; listener++) closeListener(plane, listener);
  plane.listeners.active = [];
}

/** With port 0 UDP and TCP get the same free port. */
function openListener(plane: Plane, plan: ListenerPlan): number {
  const { sockets, kernel, listeners } = plane;
  const { address, port, isTransparent } = plan;
  const listener = listeners.free();
  if (listener === NO_LISTENER) {
    const why = "addresses and ports of the one before are still in use";
    throw new RangeError(`Cannot use this configuration yet: ${why}`);
  }
  const isWildcard = WILDCARDS.has(address);
  const udp = sockets.listenUdp(address, port, UDP_RECEIVE_BUFFER_BYTES, isWildcard, isTransparent);
  try {
    const bound = sockets.localPort(udp);
    const tcp = sockets.listenTcp(address, bound, isTransparent);
    listeners.open(listener, plan, bound, udp, tcp);
    sockets.watch(plane.epoll, EPOLL_CTL_ADD, tcp, EPOLLIN, TAG_TCP_LISTENER + listener);
  } catch (error) {
    kernel.close(udp);
    throw error;
  }
  return listener;
}

/**
 * What was sent to the listener so far is answered, from its own sockets; later queries are for
 * whoever else listens there. A UDP socket that is connected to somebody who never writes is left
 * out by the kernel, while what is queued can still be read: closing it at once would lose that.
 */
export function letGo(plane: Plane, listener: number): void {
  const { listeners, sockets } = plane;
  sockets.leaveGroup(listeners.udpFds[listener]!);
  for (let call = 0; call < DRAIN_CALLS_MAX; call++) {
    if (handleDatagrams(plane, listener) === 0) break;
  }
  stopAccepting(plane, listener);
  finishListenerTcp(plane, listener, false);
  listeners.leave(listener, plane.nowMs);
}

/** Takes in the connections that wait at `listener`, and no more: they are for whoever is left. */
function stopAccepting(plane: Plane, listener: number): void {
  const { tcpFds } = plane.listeners;
  const tcp = tcpFds[listener]!;
  if (tcp < 0) return;
  for (let call = 0; call < ACCEPT_CALLS_MAX; call++) {
    if (!acceptClients(plane, tcp, listener)) break;
  }
  plane.kernel.close(tcp);
  tcpFds[listener] = -1;
}

/** Closes its sockets at once. */
export function closeListener(plane: Plane, listener: number): void {
  const { listeners, kernel } = plane;
  const udp = listeners.udpFds[listener]!;
  const tcp = listeners.tcpFds[listener]!;
  if (udp < 0) return;
  // Those that have not ended by now; their number is for another listener next.
  closeListenerTcp(plane, listener);
  kernel.close(udp);
  if (tcp >= 0) kernel.close(tcp);
  listeners.forget(listener);
}
