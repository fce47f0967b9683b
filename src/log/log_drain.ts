/** Takes the workers' records and prints them: a few system calls for many lines. */

import process from "node:process";
import type { LogLevel, Plan, ViewPlan } from "../handoff/plan.ts";
import {
  RECORD_HEALTH,
  RECORD_KIND,
  RECORD_PANIC,
  RECORD_QUERY,
  RECORD_TEXT,
  RECORD_VIEW,
} from "../handoff/records.ts";
import { RingReader } from "../handoff/ring.ts";
import {
  type ErrorText,
  errorText,
  healthLine,
  panicLine,
  queryLine,
  textLine,
} from "./query_line.ts";

/** What `consolidate` of a server block makes of its errors. */
export interface ErrorSummaries {
  /** Takes one error; its lines are those to print now. */
  take(view: ViewPlan, text: ErrorText): readonly LeveledLine[];
  /** Prints what has been counted, and counts no more. */
  stop(): readonly LeveledLine[];
}

export interface LeveledLine {
  readonly level: LogLevel;
  /** Of the plugin, without its name. */
  readonly text: string;
}

/** From a worker's call to the printing: what comes in between goes out by the same system call. */
const GATHER_MS = 50;
/** A record that finds the ring full is lost; that this happens is said at most this often. */
const DROP_NOTICE_MS = 10_000;

export class LogDrain {
  /** By id; also of plans before, whose records may still be on their way. */
  readonly #views = new Map<number, ViewPlan>();
  /** Ids of the plan in effect. */
  #current: ReadonlySet<number> = new Set();
  readonly #readers: readonly RingReader[];
  #timer: NodeJS.Timeout | null = null;
  #isDebug = false;
  #noticedDrops = 0;
  #nextNoticeMs = 0;

  readonly #summaries: ErrorSummaries;

  /** @param createSummaries gets a function that prints what is due later. */
  constructor(
    plan: Plan,
    rings: readonly SharedArrayBuffer[],
    createSummaries: (print: (line: LeveledLine) => void) => ErrorSummaries,
  ) {
    this.#summaries = createSummaries((line) => write(this.#linesToPrint([line])));
    this.#readers = rings.map((memory) => new RingReader(memory));
    this.usePlan(plan);
  }

  /** From now on, server blocks are those of `plan`. */
  usePlan(plan: Plan): void {
    this.drain();
    for (const view of plan.views) this.#views.set(view.id, view);
    this.#isDebug = plan.views.some(({ debug }) => debug);
    this.#current = new Set(plan.views.map(({ id }) => id));
  }

  /** Workers may begin with `plan` one by one: its new server blocks are known from now on. */
  expect(plan: Plan): void {
    for (const view of plan.views) {
      if (!this.#current.has(view.id)) this.#views.set(view.id, view);
    }
  }

  /** A worker says that there are records. */
  call(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.drain();
    }, GATHER_MS);
  }

  /** Prints what is left and ends. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.drain();
    write(this.#linesToPrint(this.#summaries.stop()));
  }

  /** Prints all records that are there. */
  drain(): void {
    const lines: string[] = [];
    for (const reader of this.#readers) {
      reader.answerCall();
      for (let record = reader.read(); record !== null; record = reader.read()) {
        lines.push(...this.#linesOf(record));
      }
    }
    this.#addNotice(lines);
    write(lines);
  }

  #linesOf(record: Uint8Array): string[] {
    if (record[RECORD_KIND] === RECORD_HEALTH) return [healthLine(record)];
    if (record[RECORD_KIND] === RECORD_TEXT) return [textLine(record)];
    const number = new DataView(record.buffer).getUint16(RECORD_VIEW, true);
    const view = this.#views.get(number);
    if (view === undefined) return [];
    if (record[RECORD_KIND] === RECORD_PANIC) return [panicLine(record, view)];
    if (record[RECORD_KIND] === RECORD_QUERY) {
      const line = queryLine(record, view);
      return line === null ? [] : [line];
    }
    return this.#linesToPrint(this.#summaries.take(view, errorText(record)));
  }

  /** Level debug is for those who have asked for it, as in CoreDNS anywhere in the Corefile. */
  #linesToPrint(lines: readonly LeveledLine[]): string[] {
    return lines
      .filter(({ level }) => level !== "debug" || this.#isDebug)
      .map(({ level, text }) => `[${level.toUpperCase()}] plugin/errors: ${text}`);
  }

  #addNotice(lines: string[]): void {
    const drops = this.#readers.reduce((sum, reader) => sum + reader.droppedCount, 0);
    if (drops === this.#noticedDrops || performance.now() < this.#nextNoticeMs) return;
    lines.push(`[WARNING] log: ${drops - this.#noticedDrops} lines were dropped under load`);
    this.#noticedDrops = drops;
    this.#nextNoticeMs = performance.now() + DROP_NOTICE_MS;
  }
}

function write(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
}
