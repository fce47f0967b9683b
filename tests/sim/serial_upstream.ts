/**
 * Upstreams whose every answer is different and says by whom, when and to what it was given: an
 * address holds a number, behind which all of that is noted.
 */

import type { Prng } from "../../src/std/prng.ts";
import { RCODES } from "../support/dns_message.ts";
import { DnsUpstream, type HeardQuery } from "../support/dns_peers.ts";
import { typeText } from "../support/dns_rdata.ts";
import type { SimServer } from "../support/sim_server.ts";
import type { PlanHistory } from "./plan_history.ts";

/** By TCP nothing is lost, but it may take so long. */
const RETRANSMIT_MS_MAX = 13_000;

export interface Given {
  readonly upstream: string;
  readonly name: string;
  readonly atMs: number;
  readonly ttlSec: number;
  /** Server blocks that may have asked. */
  readonly views: ReadonlySet<number>;
}

/** How often what goes wrong, 0 to 1. */
export interface Troubles {
  readonly silent: number;
  readonly servfail: number;
  readonly truncated: number;
}

export const NO_TROUBLES: Troubles = { silent: 0, servfail: 0, truncated: 0 };

export class SerialUpstreams {
  readonly given: Given[] = [];
  readonly violations: string[] = [];
  queryCount = 0;
  readonly #sim: SimServer["sim"];
  readonly #prng: Prng;
  readonly #troubles = new Map<string, Troubles>();
  readonly #history: PlanHistory;

  constructor(server: SimServer, prng: Prng, addresses: readonly string[], history: PlanHistory) {
    this.#sim = server.sim;
    this.#prng = prng;
    this.#history = history;
    for (const address of addresses) {
      const upstream = new DnsUpstream(this.#sim, address);
      upstream.onQuery = (query) => {
        this.#answer(address, query);
        return true;
      };
    }
  }

  setTroubles(address: string, troubles: Troubles): void {
    this.#troubles.set(address, troubles);
  }

  #answer(address: string, query: HeardQuery): void {
    this.queryCount += 1;
    const toMs = query.atMs;
    const lateMs = query.overTcp ? RETRANSMIT_MS_MAX : 0;
    const fromMs = toMs - this.#history.questionMsMax(toMs) - lateMs;
    const views = this.#history.viewsWith(address, { fromMs, toMs });
    if (views.size === 0) {
      this.violations.push(`${address} is asked for ${query.name}, and is in no configuration`);
    }
    const { silent, servfail, truncated } = this.#troubles.get(address) ?? NO_TROUBLES;
    if (this.#prng.chance(silent)) return;
    if (this.#prng.chance(servfail)) {
      query.reply({ rcode: RCODES["SERVFAIL"]! });
      return;
    }
    if (!query.overTcp && this.#prng.chance(truncated)) {
      query.reply({ flags: ["tc"] });
      return;
    }
    this.#tell(address, query, views);
  }

  #tell(address: string, query: HeardQuery, views: ReadonlySet<number>): void {
    const name = query.name.toLowerCase();
    const zone = name.slice(name.indexOf(".") + 1) || ".";
    const authority = [`${zone} 60 SOA ns.example.org. admin.example.org. 1 3600 600 86400 5`];
    const type = typeText(query.message.questions[0]!.type);
    // What `autopath` goes on from.
    if (name.startsWith("x") && zone === "example.org.") {
      query.reply({ rcode: RCODES["NXDOMAIN"]!, authority });
    } else if (type === "A" || type === "ANY") {
      const ttlSec = this.#prng.pick([0, 1, 5, 30, 300]);
      const serial = this.given.length;
      this.given.push({ upstream: address, name, atMs: query.atMs, ttlSec, views });
      const data = [10, serial >> 16, (serial >> 8) & 0xff, serial & 0xff].join(".");
      query.reply({ answer: [`${name} ${ttlSec} A ${data}`] });
    } else {
      query.reply({ authority });
    }
  }
}
