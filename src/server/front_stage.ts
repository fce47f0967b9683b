// Hot path.
/** The plugins of a server block that stand before the cache: does any of them want this query? */

import type { ClientAddress, FrontPlugin } from "../plugins/front_plugin.ts";
import { AF_INET, SOCKADDR_IN_ADDR, SOCKADDR_IN6_ADDR } from "../sys/layout.ts";
import type { Plane } from "./plane.ts";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

export class FrontStage {
  readonly plugins: readonly FrontPlugin[];
  /** ANSWERED_BY_… of each. */
  readonly answerers: readonly number[];
  /** Those that count what nobody wants. */
  readonly #counting: readonly FrontPlugin[];
  readonly #address: ClientAddress = { bytes: new Uint8Array(0), offset: 0, length: 0 };

  /** @param plugins in order of execution, at least one. */
  constructor(plugins: readonly FrontPlugin[], answerers: readonly number[]) {
    this.plugins = plugins;
    this.answerers = answerers;
    this.#counting = plugins.filter(({ pass }) => pass !== undefined);
  }

  /** Whether one of them wants `plane.query`. To be asked once, unless it is true. */
  wants(plane: Plane): boolean {
    const address = this.#address;
    const { nameOffset } = plane.client;
    const isIpv4 = plane.view.getUint16(nameOffset, true) === AF_INET;
    address.bytes = plane.bytes;
    address.offset = nameOffset + (isIpv4 ? SOCKADDR_IN_ADDR : SOCKADDR_IN6_ADDR);
    address.length = isIpv4 ? IPV4_BYTES : IPV6_BYTES;
    for (let index = 0; index < this.plugins.length; index++) {
      if (this.plugins[index]!.wants(plane.query, address)) return true;
    }
    for (let index = 0; index < this.#counting.length; index++) this.#counting[index]!.pass!();
    return false;
  }
}
