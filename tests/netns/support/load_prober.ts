/**
 * Asks at fixed times, whether answers come or not, each time from a new socket: from its record
 * one reads how long nobody was served.
 */

import { createSocket } from "node:dgram";
import process from "node:process";
import { answeredBy } from "./asker.ts";
import { answerText, encodeQuery } from "./dns_wire.ts";
import type { LoadSettings, Probe, ProbeRecord } from "./load.ts";

const PORT = 53;

type MutableProbe = { -readonly [Key in keyof Probe]: Probe[Key] };

export class Prober {
  readonly #target: string;
  readonly #settings: LoadSettings;
  readonly #query = encodeQuery("hit-probe.example.org", 0);
  #timer: NodeJS.Timeout | null = null;
  #probes: MutableProbe[] = [];
  #openCount = 0;
  #nextId = 0;

  constructor(target: string, settings: LoadSettings) {
    this.#target = target;
    this.#settings = settings;
  }

  get isIdle(): boolean {
    return this.#openCount === 0;
  }

  start(): void {
    this.#timer = setInterval(() => this.#ask(), this.#settings.probeIntervalMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** All that has ended; what waits for its answer is in the next record. */
  take(): ProbeRecord {
    const first = this.#probes.findIndex((probe) => !probe.isOver);
    const done = this.#probes.splice(0, first < 0 ? this.#probes.length : first);
    return { target: this.#target, probes: done };
  }

  #ask(): void {
    this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    const probe: MutableProbe = { sentMs: nowMs(), answeredMs: 0, by: "?", isOver: false };
    this.#probes.push(probe);
    this.#openCount++;
    const socket = createSocket(this.#target.includes(":") ? "udp6" : "udp4");
    const finish = () => {
      if (probe.isOver) return;
      probe.isOver = true;
      this.#openCount--;
      clearTimeout(timer);
      socket.close();
    };
    const timer = setTimeout(finish, this.#settings.timeoutMs);
    socket.on("error", finish);
    socket.on("message", (message) => {
      if (message.readUInt16BE(0) !== id) return;
      probe.answeredMs = nowMs();
      probe.by = answeredBy(answerText(message));
      finish();
    });
    socket.connect(PORT, this.#target, (error?: Error) => {
      if (error) return finish();
      const query = Buffer.from(this.#query);
      query.writeUInt16BE(id, 0);
      socket.send(query, (failure) => {
        if (failure) finish();
      });
    });
  }
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
