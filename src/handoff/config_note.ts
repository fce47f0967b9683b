/**
 * What the control plane has to say of the configuration in effect, in memory that workers read
 * when somebody asks them for it: TXT in class CHAOS for `config.nodens.`.
 *
 *   word 0   how often it was written, times two; odd while it is being written
 *   word 1   bytes of the text
 *   word 2…  the text, UTF-8
 *
 * One writes, all others read, and nobody waits: who has read while it was written reads again.
 */

/** Asked as TXT in class CHAOS; see server/own_answer.ts. */
export const CONFIG_NAME = "config.nodens.";
/** What one string of a TXT record holds. */
export const CONFIG_NOTE_BYTES_MAX = 255;

const SEQUENCE = 0;
const LENGTH = 1;
const TEXT = 2;
const WORDS = TEXT + 64;
const READS_MAX = 1000;
const SHOWN_HASH_LENGTH = 12;

/** What is said of the configuration. */
export interface ConfigNote {
  /** Configurations that came into effect since the start, the first included. */
  readonly generation: number;
  /** When it came into effect: `2026-11-25T08:00:00Z`. */
  readonly loaded: string;
  /** The first digits of its hash. */
  readonly sha512: string;
  /** Attempts that were refused since the start. */
  readonly failed: number;
  /** Why the newest one was refused, as far as there is room; empty when it is in effect. */
  readonly problem: string;
}

export function configNoteMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);
}

/** Says `text`, cut to what there is room for. */
export function writeConfigNote(memory: SharedArrayBuffer, text: string): void {
  const words = new Int32Array(memory);
  const padded = new Uint8Array((WORDS - TEXT) * Int32Array.BYTES_PER_ELEMENT);
  const { written } = new TextEncoder().encodeInto(text, padded.subarray(0, CONFIG_NOTE_BYTES_MAX));
  Atomics.add(words, SEQUENCE, 1);
  Atomics.store(words, LENGTH, written);
  new Int32Array(padded.buffer).forEach((word, at) => {
    Atomics.store(words, TEXT + at, word);
  });
  Atomics.add(words, SEQUENCE, 1);
}

/** The text that was written last; empty when there is none, or its writer has died over it. */
export function readConfigNote(memory: SharedArrayBuffer): Uint8Array {
  const words = new Int32Array(memory);
  const text = new Int32Array(WORDS - TEXT);
  for (let read = 0; read < READS_MAX; read++) {
    const before = Atomics.load(words, SEQUENCE);
    const length = Atomics.load(words, LENGTH);
    for (let at = 0; at < text.length; at++) text[at] = Atomics.load(words, TEXT + at);
    if (before % 2 !== 0 || Atomics.load(words, SEQUENCE) !== before) continue;
    return new Uint8Array(text.buffer, 0, length);
  }
  return new Uint8Array(0);
}

/** One line: `generation=3 loaded=2026-11-25T08:00:00Z sha512=0f3c… failed=1 problem=…`. */
export function configNoteText(note: ConfigNote): string {
  const { generation, loaded, sha512, failed, problem } = note;
  const hash = sha512.slice(0, SHOWN_HASH_LENGTH);
  // Whoever prints it is a terminal, at times.
  const line = problem.replaceAll(/\p{Cc}+/gu, " ");
  return `generation=${generation} loaded=${loaded} sha512=${hash} failed=${failed} problem=${line}`;
}

/** What such a line says; null for any other text. */
export function parseConfigNote(text: string): ConfigNote | null {
  const pattern =
    /^generation=(\d+) loaded=(\S+) sha512=([0-9a-f]+) failed=(\d+) problem=([^\p{Cc}]*)$/u;
  const [, generation, loaded, sha512, failed, problem] = pattern.exec(text) ?? [];
  if (generation === undefined) return null;
  return {
    generation: Number(generation),
    loaded: loaded!,
    sha512: sha512!,
    failed: Number(failed),
    problem: problem!,
  };
}
