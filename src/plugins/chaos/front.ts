/** `chaos` in the workers: TXT questions of class CH about the server itself. See README.md. */

import { CLASS_CH, TYPE_TXT } from "../../wire/constants.ts";
import { messageFor } from "../../wire/message.ts";
import { nameToWire } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import { characterString } from "../../wire/rdata_parts.ts";
import type { StageContext } from "../back_plugin.ts";
import type { Done, FrontPlugin, Next, Request } from "../front_plugin.ts";
import type { ChaosPlan } from "./plan.ts";

const STRING_BYTES_MAX = 255;

export class ChaosPlugin implements FrontPlugin {
  readonly #texts: ReadonlyMap<string, readonly string[]>;
  readonly #names: readonly Uint8Array[];
  readonly #context: StageContext;

  constructor({ version, authors, hostname }: ChaosPlan, context: StageContext) {
    this.#texts = new Map([
      ["version.bind.", [version]],
      ["version.server.", [version]],
      ["authors.bind.", authors],
      ["hostname.bind.", [hostname]],
      ["id.server.", [hostname]],
    ]);
    this.#names = [...this.#texts.keys()].map((name) => nameToWire(name));
    this.#context = context;
  }

  wants(query: Query): boolean {
    if (query.class !== CLASS_CH || query.type !== TYPE_TXT) return false;
    return this.#names.some((name) => isName(name, query));
  }

  handle(request: Request, next: Next, done: Done): void {
    const texts = this.#texts.get(request.name);
    if (request.class !== CLASS_CH || request.type !== TYPE_TXT || texts === undefined) {
      next(request, done);
      return;
    }
    const { name, type } = request;
    const answers = this.#shuffled(texts).map((text) => {
      return { name, type, class: CLASS_CH, ttlSec: 0, rdata: textRdata(text) };
    });
    done(messageFor(request, { answers }));
  }

  /** No author is always the first. */
  #shuffled(texts: readonly string[]): string[] {
    const left = [...texts];
    return texts.map(() => left.splice(this.#context.randomBelow(left.length), 1)[0]!);
  }
}

function isName(name: Uint8Array, query: Query): boolean {
  if (name.length !== query.nameLength) return false;
  return name.every((byte, at) => query.nameBytes[at] === byte);
}

/** One string, cut to what it can hold. */
function textRdata(text: string): Uint8Array {
  let cut = text.slice(0, STRING_BYTES_MAX);
  while (new TextEncoder().encode(cut).length > STRING_BYTES_MAX) cut = cut.slice(0, -1);
  return characterString(cut);
}
