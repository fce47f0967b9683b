/** A server that forwards everything, with a client and scripted upstreams, in simulated time. */

import type { CounterName } from "../../src/handoff/counters.ts";
import type { DnsMessage } from "./dns_message.ts";
import { DnsClient, DnsTcpClient, DnsUpstream } from "./dns_peers.ts";
import type { Endpoint } from "./sim_network.ts";
import { SimServer } from "./sim_server.ts";
import type { SimKernelOptions } from "./sim_system.ts";

export const SERVER: Endpoint = { address: "192.0.2.53", port: 53 };

export interface ForwardFixtureOptions extends SimKernelOptions {
  /** Addresses are 198.51.100.1 and so on. Default 1. */
  readonly upstreams?: number;
  /** Lines within `forward`. Default `policy sequential`. */
  readonly forward?: string;
  /** Further lines of the server block. Default `cache`. */
  readonly block?: string;
}

export class ForwardFixture {
  readonly server: SimServer;
  readonly client: DnsClient;
  readonly upstreams: readonly DnsUpstream[];
  readonly startMs: number;

  constructor(options: ForwardFixtureOptions = {}) {
    const {
      upstreams = 1,
      forward = "policy sequential",
      block = "cache",
      ...simOptions
    } = options;
    const addresses = Array.from({ length: upstreams }, (_, index) => `198.51.100.${index + 1}`);
    const corefile = [
      ".:53 {",
      `  bind ${SERVER.address}`,
      `  forward . ${addresses.join(" ")} {\n    ${forward}\n  }`,
      `  ${block}`,
      "}",
    ];
    this.server = new SimServer({ ...simOptions, corefile: `${corefile.join("\n")}\n` });
    this.upstreams = addresses.map((address) => new DnsUpstream(this.server.sim, address));
    this.client = new DnsClient(this.server.sim, SERVER);
    this.startMs = this.server.sim.clock.nowMs;
  }

  /** The first upstream. */
  get upstream(): DnsUpstream {
    return this.upstreams[0]!;
  }

  get elapsedMs(): number {
    return this.server.sim.clock.nowMs - this.startMs;
  }

  tcpClient(): DnsTcpClient {
    return new DnsTcpClient(this.server.sim, SERVER);
  }

  /** The only answer that the client has got by now. @throws {Error} unless it is one. */
  answer(): DnsMessage {
    this.server.settle();
    const answers = this.client.answers();
    if (answers.length !== 1) throw new Error(`there are ${answers.length} answers`);
    return answers[0]!;
  }

  count(name: CounterName): number {
    this.server.pass(1000);
    return this.server.counter(name);
  }

  settle(): void {
    this.server.settle();
  }

  pass(ms: number): void {
    this.server.pass(ms);
  }
}
