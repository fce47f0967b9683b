// Hot path.
/** `nsid` in the workers: who asks for it learns which server this is. See README.md. */

import { appendOption } from "../../wire/append_option.ts";
import { OPTION_NSID } from "../../wire/constants.ts";
import type { Query } from "../../wire/query.ts";
import type { AmendPlugin } from "../amend_plugin.ts";

export class NsidPlugin implements AmendPlugin {
  readonly #data: Uint8Array;

  constructor(settings: { readonly data: string }) {
    this.#data = new TextEncoder().encode(settings.data);
  }

  amend(
    query: Query,
    bytes: Uint8Array,
    view: DataView,
    target: number,
    length: number,
    limitBytes: number,
  ): number {
    if (query.asksNsid === 0) return length;
    return appendOption(bytes, view, target, length, limitBytes, OPTION_NSID, this.#data);
  }
}
