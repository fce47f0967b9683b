/**
 * The life of interception: takes the addresses when all is proven, mends what others undo, and
 * lets go at the first sign of trouble.
 *
 *   waiting ── rules (inert) ── upstream proven ── lease.take() ── "who are you?" ──▶ intercepting
 *      ▲                                                                                  │
 *      └── back-off ◀── lease.drop() ◀── a worker hangs · somebody else answers ──────────┘
 *
 * The lease is the only switch (hack/decisions/0006-lease.md): rules are there before it is taken
 * and go after it is dropped, and match nothing in between.
 */

import { type Lease, NetError } from "../net/lease.ts";
import type { Rule } from "../net/rule.ts";
import { Backoff } from "../std/backoff.ts";
import type { InterceptionOptions, InterceptionParts } from "./interception_parts.ts";

/** Between two looks at what has changed. */
const TICK_MS = 500;
/** Rules of a busy node change often, and ours seldom: they are read no more often than this. */
const RULES_MS_MIN = 2500;
/**
 * Between two questions "who are you?" to every address, and misses in a row that mean something.
 */
const PROBE_MS = 1000;
const PROBE_MISSES_MAX = 3;
/** Source ports at the start: sockets that two instances share are chosen by source. */
const SOURCES_AT_START = 8;
const PROBE_ROUNDS_MAX = 4;
/** Between two tries. What has held for `stableMs` was no accident: the next try is quick again. */
const RETRY = { firstMs: 500, lastMs: 10_000, stableMs: 60_000 };
/** Of 30 s until the kubelet kills: what is left of the rules then matches nothing. */
const CLOSE_MS_MAX = 20_000;

type State = "waiting" | "intercepting" | "released";

/** Probes in a row that came to nothing, at one address. */
interface Misses {
  silent: number;
  strangers: number;
}

export class Interception {
  /** Resolves when the addresses have been taken for the first time. */
  readonly ready: Promise<void>;
  readonly #parts: InterceptionParts;
  readonly #options: InterceptionOptions;
  readonly #retry: Backoff;
  readonly #misses: Map<string, Misses>;
  #state: State = "waiting";
  #lease: Lease | null = null;
  #desired: readonly Rule[] = [];
  #prepared: Promise<void> | null = null;
  #becomeReady: () => void = () => {};
  /** Why the addresses may not be taken, whatever else is well: a worker hangs. */
  #obstacle: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** What a tick has begun; ticks do not overlap. */
  #step: Promise<void> | null = null;
  #mending: Promise<void> | null = null;
  #refreshing: Promise<void> | null = null;
  #lastTrouble = "";
  readonly #saidShared = new Set<string>();
  #syncAtMs = 0;
  #linkIsStale = false;
  #rulesAreStale = false;
  #rulesAtMs = 0;
  #probeAtMs = 0;
  /** Queries that came in, and those of them that were our own probes, when all was well. */
  #queriesWhenWell = 0;

  constructor(parts: InterceptionParts, options: InterceptionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#retry = new Backoff(RETRY, parts.nowMs);
    this.#misses = new Map(
      options.addresses.map((address) => [address, { silent: 0, strangers: 0 }]),
    );
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
  }

  get isIntercepting(): boolean {
    return this.#state === "intercepting";
  }

  /** Whether somebody goes on answering at our addresses: an instance of ours, another agent. */
  get hasSuccessor(): boolean {
    return this.#isHeldByOthers || this.#options.addresses.every(this.#parts.isShared);
  }

  /** Does what has no effect yet, lease and rules, while workers are being started. */
  prepare(): void {
    this.#prepared = this.#prepare();
    // Whoever takes over looks at it; until then nobody does.
    this.#prepared.catch(() => {});
  }

  /** Takes the addresses as soon as that can be, and keeps them. @returns after the first try. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
    await this.tick();
  }

  /**
   * Looks once at what there is to do, and does it; while that lasts, further calls wait for it.
   */
  async tick(): Promise<void> {
    if (this.#state === "released") return;
    this.#step ??= (this.#state === "waiting" ? this.#tryToTake() : this.#keep())
      .catch((error: unknown) => this.#report(error))
      .finally(() => {
        this.#step = null;
      });
    await this.#step;
  }

  /** What rules depend on has changed: they are brought up to date at the next look. */
  lookAnew(): void {
    this.#syncAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Lets go at once, until `resume` is called. */
  async suspend(reason: string): Promise<void> {
    this.#obstacle = reason;
    await this.#letGo(reason);
  }

  resume(): void {
    this.#obstacle = null;
  }

  /**
   * The first half of the end: gives the addresses back. Answers can still be sent from them. What
   * matters is done before the first `await`.
   */
  async release(): Promise<void> {
    this.#state = "released";
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#dropUnlessKept();
    // A take that was under way may have come after that.
    await this.#step;
    await this.#dropUnlessKept();
  }

  /** The second half, when no answer will be sent any more: rules, and what is left of the link. */
  async close(): Promise<void> {
    if (this.#options.skipTeardown) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), CLOSE_MS_MAX);
    });
    if ((await Promise.race([this.#removeAll(), late])) === "late") {
      const advice = "they match nothing; nodens cleanup removes them";
      this.#parts.events.warn(`left rules behind: ${advice}`);
    }
    clearTimeout(timer);
  }

  get #isHeldByOthers(): boolean {
    return this.#lease?.isHeldByOthers() === true;
  }

  async #prepare(): Promise<void> {
    const { openLease, desiredRules, applyRules, nowMs } = this.#parts;
    this.#lease ??= await openLease();
    this.#desired = desiredRules(this.#lease.kind);
    await applyRules(this.#desired);
    this.#rulesAtMs = nowMs();
  }

  async #tryToTake(): Promise<void> {
    const { nowMs, proveWorkers, events } = this.#parts;
    if (this.#obstacle !== null || !this.#retry.isDue()) return;
    const prepared = this.#prepared ?? this.#prepare();
    this.#prepared = null;
    try {
      await prepared;
      const trouble = await proveWorkers();
      if (trouble !== null) throw new Error(`Cannot intercept yet: ${trouble}`);
      if (this.#state !== "waiting" || this.#obstacle !== null) return;
      await this.#lease!.take();
      await this.#proveAddresses();
    } catch (error) {
      await this.#lease?.drop();
      this.#retry.postpone();
      this.#report(error);
      return;
    }
    // Told to let go meanwhile: whoever said so drops the lease after us.
    if (this.#state !== "waiting") return;
    if (this.#obstacle !== null) return void (await this.#lease!.drop());
    this.#state = "intercepting";
    this.#retry.succeed();
    this.#lastTrouble = "";
    // What was left for later when it was urgent to answer.
    this.#syncAtMs = nowMs();
    this.#probeAtMs = nowMs() + PROBE_MS;
    this.#forgetMisses();
    const { kind } = this.#lease!;
    events.changed("taken", kind);
    events.info(`intercepting ${this.#options.addresses.join(", ")}, lease ${kind}`);
    this.#becomeReady();
  }

  /** Asks at each address who answers there. @throws {Error} unless it is us. */
  async #proveAddresses(): Promise<void> {
    const prove = async (address: string) => {
      for (let round = 0; round < PROBE_ROUNDS_MAX; round++) {
        const result = await this.#parts.probeAddress(address, SOURCES_AT_START);
        if (result.strangers > 0) this.#expectShared(address);
        if (result.ours > 0) return;
      }
      throw new Error(`Cannot intercept ${address}: queries sent there do not come to us`);
    };
    if (this.#canProbe) await Promise.all(this.#options.addresses.map(prove));
  }

  /**
   * An older agent, beside which we start to take its place, is no obstacle: its sockets and ours
   * share the address, and queries reach both.
   *
   * @throws {Error} when whoever answers there is not one of this node.
   */
  #expectShared(address: string): void {
    if (!this.#parts.isShared(address)) throw new Error(strangerText(address));
    const text = `shares ${address} with another DNS server of this node until that ends`;
    if (!this.#saidShared.has(address)) this.#parts.events.info(text);
    this.#saidShared.add(address);
  }

  /** With `socket` the node's own processes are not intercepted, and probes are such. */
  get #canProbe(): boolean {
    return this.#options.setupInterface && this.#lease?.kind !== "socket";
  }

  /** A tick while all is well, or should be. */
  async #keep(): Promise<void> {
    const { nowMs, pollChanges } = this.#parts;
    const changes = pollChanges();
    const isDue = nowMs() >= this.#syncAtMs;
    if (isDue) this.#refresh();
    this.#linkIsStale ||= changes.links || isDue;
    this.#rulesAreStale ||= changes.rules;
    if (this.#linkIsStale) await this.#mendLink();
    const isRecent = nowMs() - this.#rulesAtMs < RULES_MS_MIN;
    if (this.#rulesAreStale && !isRecent) {
      this.#applyRules(false);
    }
    const isProbeDue = nowMs() >= this.#probeAtMs && this.#canProbe;
    if (isProbeDue && this.#state === "intercepting") await this.#probe();
  }

  async #mendLink(): Promise<void> {
    const lease = this.#lease!;
    if (!(await lease.isWhole()) && this.#state === "intercepting") {
      await lease.take();
      this.#parts.events.changed("mended", lease.kind);
      this.#parts.events.warn("mended link and addresses, which somebody else had changed");
    }
    this.#linkIsStale = false;
  }

  /** A full check, of what rules depend on, too. Not waited for. */
  #refresh(): void {
    const { nowMs, refresh, desiredRules } = this.#parts;
    this.#syncAtMs = nowMs() + this.#options.syncIntervalMs;
    this.#refreshing ??= refresh().then(() => {
      this.#refreshing = null;
      if (this.#lease === null) return;
      this.#desired = desiredRules(this.#lease.kind);
      this.#applyRules(true);
    });
  }

  /** Not waited for: the lock may be held by others for seconds, and links do not wait for that. */
  #applyRules(isWantedAnew: boolean): void {
    const { applyRules, events, nowMs } = this.#parts;
    this.#rulesAreStale = true;
    if (this.#mending !== null || this.#state !== "intercepting") return;
    this.#rulesAreStale = false;
    this.#mending = applyRules(this.#desired)
      .then((count) => {
        if (count === 0) return;
        if (isWantedAnew) return events.info(`brought ${count} rules up to date`);
        events.changed("mended", this.#lease!.kind);
        events.warn(`mended ${count} rules, which somebody else had changed`);
      })
      .catch((error: unknown) => {
        this.#rulesAreStale = true;
        this.#report(error);
      })
      .finally(() => {
        this.#rulesAtMs = nowMs();
        this.#mending = null;
      });
  }

  async #probe(): Promise<void> {
    const { nowMs, probeAddress } = this.#parts;
    this.#probeAtMs = nowMs() + PROBE_MS;
    let answered = 0;
    await Promise.all(
      [...this.#misses].map(async ([address, misses]) => {
        const result = await probeAddress(address, 1);
        answered += result.ours;
        const isStranger = result.strangers > 0 && !this.#parts.isShared(address);
        misses.strangers = isStranger ? misses.strangers + 1 : 0;
        misses.silent = result.silent > 0 ? misses.silent + 1 : 0;
      }),
    );
    this.#queriesWhenWell += answered;
    const isWell = [...this.#misses.values()].every(
      ({ silent, strangers }) => silent === 0 && strangers === 0,
    );
    if (isWell) this.#queriesWhenWell = this.#parts.queryCount();
    else await this.#judgeMisses();
  }

  async #judgeMisses(): Promise<void> {
    for (const [address, { silent, strangers }] of this.#misses) {
      if (strangers >= PROBE_MISSES_MAX) await this.#letGo(strangerText(address));
      if (silent < PROBE_MISSES_MAX) continue;
      this.#linkIsStale = true;
      this.#rulesAreStale = true;
      // While clients' queries come in, ours may just have been lost in the crowd.
      if (this.#parts.queryCount() > this.#queriesWhenWell) continue;
      await this.#letGo(`Cannot keep ${address}: queries sent there do not come to us any more`);
    }
  }

  async #letGo(reason: string): Promise<void> {
    const wasIntercepting = this.#state === "intercepting";
    if (wasIntercepting) this.#state = "waiting";
    const dropped = this.#lease?.drop();
    if (wasIntercepting) {
      this.#retry.postpone();
      this.#parts.events.changed("dropped", this.#lease!.kind);
      this.#parts.events.warn(`gave the addresses back: ${reason}`);
    }
    await dropped;
  }

  /** With -skipteardown a link that outlives us is left as it is, for the next one. */
  async #dropUnlessKept(): Promise<void> {
    const kind = this.#lease?.kind;
    const isLasting = kind === "none" || kind === "socket";
    if (!(isLasting && this.#options.skipTeardown)) await this.#lease?.drop();
  }

  async #removeAll(): Promise<void> {
    const { removeRules, keptRules, nowMs } = this.#parts;
    // As long as another instance holds the addresses the rules are its own, too.
    const endMs = nowMs() + CLOSE_MS_MAX;
    for (let isDone = this.#isHeldByOthers; !isDone && nowMs() < endMs; ) {
      try {
        await removeRules(keptRules(this.#desired));
        isDone = true;
      } catch (error) {
        this.#report(error);
        // Somebody else will let go of the lock; all else will not get better.
        isDone = !(error instanceof NetError && error.errorType === "iptables_lock");
      }
    }
    await this.#lease?.close();
  }

  #forgetMisses(): void {
    this.#queriesWhenWell = this.#parts.queryCount();
    for (const misses of this.#misses.values()) {
      misses.silent = 0;
      misses.strangers = 0;
    }
  }

  /** Says what is wrong, once for as long as it is the same. */
  #report(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const isNew = text !== this.#lastTrouble;
    this.#lastTrouble = text;
    if (error instanceof NetError) this.#parts.events.failed(error.errorType, isNew ? text : null);
    else if (isNew) this.#parts.events.warn(text);
  }
}

function strangerText(address: string): string {
  const advice =
    "is a proxy in place that answers before the node does (see deploy/interception.md)?";
  return `Cannot intercept ${address}: somebody else answers there: ${advice}`;
}
