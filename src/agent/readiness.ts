/**
 * Whether queries are welcome here: every worker serves, the node's addresses are ours if they are
 * to be, and nobody has asked us to stop. HTTP asks for it (`/ready`); others are told when it
 * changes.
 */

/** Between two looks for those who are told. */
const LOOK_MS = 500;
const STOPPING = "stopping";

export interface ReadinessParts {
  /** All workers serve. */
  readonly isWhole: () => boolean;
  /** Whether queries for the node's addresses come to us; null where none are taken over. */
  readonly isIntercepting: () => boolean | null;
}

/** Gets what is missing: `workers`, `interception`, or `stopping` alone; nothing is ready. */
export type ReadinessListener = (missing: readonly string[]) => void;

export class Readiness {
  readonly #parts: ReadinessParts;
  readonly #listeners: ReadinessListener[] = [];
  #timer: NodeJS.Timeout | null = null;
  #told = "";
  #isLeaving = false;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  /** From the signal to stop on. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  missing(): readonly string[] {
    if (this.#isLeaving) return [STOPPING];
    const missing: string[] = [];
    if (!this.#parts.isWhole()) missing.push("workers");
    if (this.#parts.isIntercepting() === false) missing.push("interception");
    return missing;
  }

  /** Tells how it is now, and from then on what changes, within half a second. */
  follow(listener: ReadinessListener): void {
    // Those who follow already hear first of what has changed since they were told.
    this.look();
    this.#listeners.push(listener);
    const missing = this.missing();
    this.#told = missing.join();
    listener(missing);
    this.#timer ??= setInterval(() => this.look(), LOOK_MS);
  }

  /** Looks now: for whoever knows that something has changed. */
  look(): void {
    const missing = this.missing();
    if (missing.join() === this.#told) return;
    this.#told = missing.join();
    for (const listener of this.#listeners) listener(missing);
  }

  /** From now on others should take their queries elsewhere. */
  leave(): void {
    this.#isLeaving = true;
    this.look();
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
