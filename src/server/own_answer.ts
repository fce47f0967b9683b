/**
 * What a worker says of itself: TXT in class CHAOS, as `id.server.` of RFC 4892.
 *
 * `instance.nodens.`, "who are you?": when nodens has taken an address over, it asks there, and
 * only if the answer names its own instance do queries really come to it, and not to kube-dns
 * behind somebody's NAT or to another process. `config.nodens.`: which configuration is in effect.
 */

import { CONFIG_NAME, readConfigNote } from "../handoff/config_note.ts";
import { INSTANCE_NAME } from "../handoff/instance.ts";
import { CLASS_CH, TYPE_ANY, TYPE_TXT } from "../wire/constants.ts";
import { nameToWire } from "../wire/name.ts";
import { writeTextAnswer } from "../wire/text_answer.ts";
import type { Plane } from "./plane.ts";

const INSTANCE = nameToWire(INSTANCE_NAME);
const CONFIG = nameToWire(CONFIG_NAME);
const NOTHING = new Uint8Array(0);

/** Whether `plane.query` asks for that. Cold: of all queries only those that no view takes. */
export function asksForUs(plane: Plane): boolean {
  const { query } = plane;
  if (query.class !== CLASS_CH || (query.type !== TYPE_TXT && query.type !== TYPE_ANY)) {
    return false;
  }
  return isNamed(plane, INSTANCE) || isNamed(plane, CONFIG);
}

/** @returns the length of the answer at `target`. */
export function answerOfUs(plane: Plane, target: number, limitBytes: number): number {
  const { words, view, query } = plane;
  const text = isNamed(plane, INSTANCE) ? plane.instance : configNote(plane);
  return writeTextAnswer(words, view, target, limitBytes, query, text);
}

function configNote({ configMemory }: Plane): Uint8Array {
  return configMemory === null ? NOTHING : readConfigNote(configMemory);
}

function isNamed({ query }: Plane, name: Uint8Array): boolean {
  return query.nameLength === name.length && name.every((byte, at) => query.nameBytes[at] === byte);
}
