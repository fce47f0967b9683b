/**
 * The plugin `loop`: finds upstreams that send queries back here, and keeps them from being asked.
 *
 * Every upstream of a server block with `loop` is asked now and then for a name that nobody else
 * knows. If we are asked for it, the upstream leads back here: routes of that block leave it out
 * for as long as its probe keeps coming back.
 *
 * Cold: a few queries a minute. What a query costs here is a comparison of its type.
 */

import { createHash } from "node:crypto";
import { COUNTER } from "../handoff/counters.ts";
import { LoopWords } from "../handoff/loop_words.ts";
import type { ViewPlan } from "../handoff/plan.ts";
import { LOOP_FORGET_MS, LOOP_PROBE_MS, LOOP_PROBES_MAX, LOOPING_PROBE_MS } from "../limits.ts";
import type { Slab } from "../sys/slab.ts";
import { readAddress, readPort } from "../sys/sockaddr.ts";
import type { Route } from "../upstream/route.ts";
import { CLASS_IN, NAME_BYTES_MAX, QUESTION_FIXED_BYTES, TYPE_HINFO } from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import type { Query } from "../wire/query.ts";
import { TRANSPORT_EXCHANGE } from "./client.ts";
import { logText } from "./log_text.ts";
import type { Plane } from "./plane.ts";
import { askForLoop } from "./probe_upstream.ts";

const PLUGIN = "loop";
const HELP = "https://coredns.io/plugins/loop#troubleshooting";

/** An upstream of a route, and the name that it is asked for. */
interface LoopProbe {
  readonly route: Route;
  /** In the route. */
  readonly position: number;
  readonly zone: string;
  readonly name: string;
  readonly wire: Uint8Array;
}

export interface LoopWatchOptions {
  readonly slab: Slab;
  /** The same in all workers, and known to nobody else. */
  readonly secret: string;
  /** Shared by all workers, see handoff/loop_words.ts. */
  readonly words: Int32Array;
}

export class LoopWatch {
  readonly #slab: Slab;
  readonly #secret: string;
  readonly #words: LoopWords;
  /** Where questions are written. */
  readonly #question: number;
  #generation = 0;
  #probes: LoopProbe[] = [];
  /** Where the next sweep begins. */
  #nextNumber = 0;

  constructor({ slab, secret, words }: LoopWatchOptions) {
    this.#slab = slab;
    this.#secret = secret;
    this.#words = new LoopWords(words);
    this.#question = slab.carve(NAME_BYTES_MAX + QUESTION_FIXED_BYTES);
  }

  /** Watches the upstreams of the plan that is in effect now. */
  adopt(plane: Plane): void {
    const { plan, views, upstreams } = plane;
    this.#generation = plan.generation;
    this.#probes = [];
    for (const view of plan.views) {
      if (!view.plugins.some(({ plugin }) => plugin === PLUGIN)) continue;
      views[view.id]!.routes.forEach((route, index) => {
        const zone = zoneFor(view, view.forwards[index]!.from);
        route.upstreams.forEach((upstream, position) => {
          const endpoint = upstreams[upstream]!.name;
          this.#add({ route, position, zone }, `${view.name} ${index} ${endpoint}`);
        });
      });
    }
  }

  /** Once a second: sends what is due, and sees which loops have ended. */
  sweep(plane: Plane): void {
    for (const [number, probe] of this.#probes.entries()) {
      const { route, position } = probe;
      const ageMs = this.#words.seenAgeMs(number, this.#generation, plane.nowMs);
      const isLooping = ageMs < LOOP_FORGET_MS;
      if (!isLooping && route.isLooping(position) && this.#words.forget(number)) {
        const upstream = upstreamName(plane, probe);
        logText(plane.ring, `[INFO] plugin/loop: upstream ${upstream} no longer leads back here`);
      }
      route.setLooping(position, isLooping);
    }
    const { length } = this.#probes;
    // An upstream has one probe under way: who was left out last time comes first.
    const first = this.#nextNumber;
    for (let step = 0; step < length; step++) this.#send(plane, (first + step) % length);
  }

  /** Whether `plane.query` is one of our probes, which then has come back. */
  hears(plane: Plane): boolean {
    const number = this.#probes.findIndex(({ wire }) => isNameOf(plane.query, wire));
    if (number < 0) return false;
    const ageMs = this.#words.seenAgeMs(number, this.#generation, plane.nowMs);
    this.#words.see(number, this.#generation, plane.nowMs);
    const probe = this.#probes[number]!;
    probe.route.setLooping(probe.position, true);
    // Another worker may have said so already.
    if (ageMs >= LOOP_FORGET_MS) {
      plane.counters[COUNTER.loopsFound]! += 1;
      logText(plane.ring, foundText(plane, probe));
    }
    return true;
  }

  #add(place: Pick<LoopProbe, "route" | "position" | "zone">, what: string): void {
    const number = this.#probes.length;
    if (number === LOOP_PROBES_MAX) return;
    const hash = createHash("sha256");
    hash.update(`${this.#secret} ${this.#generation} ${number} ${what}`);
    const digest = hash.digest();
    const [first, second] = [digest.readBigUInt64BE(0), digest.readBigUInt64BE(8)];
    const name = `${first}.${second}.${place.zone === "." ? "" : place.zone}`;
    // A zone with so long a name that nothing fits before it cannot be watched.
    if (name.length >= NAME_BYTES_MAX) return;
    this.#probes.push({ ...place, name, wire: nameToWire(name) });
  }

  #send(plane: Plane, number: number): void {
    const { route, position, wire } = this.#probes[number]!;
    const intervalMs = route.isLooping(position) ? LOOPING_PROBE_MS : LOOP_PROBE_MS;
    const { bytes, view } = this.#slab;
    const end = this.#question + wire.length;
    bytes.set(wire, this.#question);
    view.setUint16(end, TYPE_HINFO);
    view.setUint16(end + 2, CLASS_IN);
    const lengthBytes = wire.length + QUESTION_FIXED_BYTES;
    askForLoop(plane, route.upstreams[position]!, this.#question, lengthBytes, () => {
      if (!this.#words.claim(number, this.#generation, intervalMs, plane.nowMs)) return false;
      this.#nextNumber = number + 1;
      return true;
    });
  }
}

/** A zone that the block serves and its `forward` takes. */
function zoneFor({ zones }: ViewPlan, from: string): string {
  if (zones.some((zone) => isBelowZone(from, zone))) return from;
  return zones.find((zone) => isBelowZone(zone, from)) ?? zones[0] ?? ".";
}

function isBelowZone(name: string, zone: string): boolean {
  return zone === "." || name === zone || name.endsWith(`.${zone}`);
}

function isNameOf(query: Query, wire: Uint8Array): boolean {
  if (query.nameLength !== wire.length) return false;
  return wire.every((byte, at) => query.nameBytes[at] === byte);
}

function upstreamName({ upstreams }: Plane, { route, position }: LoopProbe): string {
  return upstreams[route.upstreams[position]!]!.name;
}

/** As CoreDNS words it, with the upstream that it came back through. */
function foundText(plane: Plane, probe: LoopProbe): string {
  const { zone, name } = probe;
  const way = `${clientText(plane)} -> ${listenerText(plane)}`;
  const loop = `Loop (${way}) detected for zone "${zone}", see ${HELP}. Query: "HINFO ${name}"`;
  const upstream = upstreamName(plane, probe);
  return `[ERROR] plugin/loop: ${loop}: upstream ${upstream} leads back here and is left out`;
}

function clientText({ client, kernel }: Plane): string {
  if (client.transport === TRANSPORT_EXCHANGE) return "a plugin";
  const { nameOffset } = client;
  return endpointText(readAddress(kernel.slab, nameOffset), readPort(kernel.slab, nameOffset));
}

function listenerText({ client, listeners, plan }: Plane): string {
  const listener = plan.listeners[listeners.active.indexOf(client.listener)];
  return endpointText(listener?.address ?? "", listeners.ports[client.listener]!);
}

function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
