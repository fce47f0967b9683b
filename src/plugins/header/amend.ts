// Hot path.
/** `header` in the workers: flags of answers, and of queries for upstreams. See README.md. */

import { HEADER_FLAGS } from "../../wire/constants.ts";
import type { Query } from "../../wire/query.ts";
import type { AmendPlugin } from "../amend_plugin.ts";
import type { HeaderPlan } from "./plan.ts";

export class HeaderPlugin implements AmendPlugin {
  readonly #set: number;
  readonly #clear: number;

  constructor({ response }: HeaderPlan) {
    this.#set = response.set;
    this.#clear = response.clear;
  }

  amend(_query: Query, _bytes: Uint8Array, view: DataView, target: number, length: number): number {
    const at = target + HEADER_FLAGS;
    view.setUint16(at, (view.getUint16(at) | this.#set) & ~this.#clear);
    return length;
  }
}
