import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsClient, DnsTcpClient, DnsUpstream } from "../../tests/support/dns_peers.ts";
import { ForwardFixture } from "../../tests/support/forward_fixture.ts";
import { SimServer } from "../../tests/support/sim_server.ts";
import { UDP_BATCH, UDP_BATCHES_PER_TURN_MAX } from "../limits.ts";
import { EADDRINUSE } from "../sys/errno.ts";

const NAME = "www.example.org.";
const ANSWER = { answer: [`${NAME} 300 A 192.0.2.1`] };

test("handleDatagrams() takes a flood in batches, without letting others starve", () => {
  const fixture = new ForwardFixture();
  const { sim, loop } = fixture.server;
  fixture.client.ask(NAME);
  fixture.settle();
  fixture.upstream.take().reply(ANSWER);
  fixture.answer();
  fixture.pass(1);
  const calls = (name: "recvmsg" | "recvmmsg" | "sendmmsg") => sim.calls.get(name) ?? 0;
  const perTurn = UDP_BATCH * UDP_BATCHES_PER_TURN_MAX;
  for (let count = 0; count < 2 * perTurn + 2; count++) fixture.client.ask(NAME, { id: count });
  const before = [calls("recvmsg"), calls("recvmmsg"), calls("sendmmsg")];
  // The first turn does not know yet that they come so close together.
  const answered = [1, 2, 3, 4].map(() => {
    loop.turn(0);
    sim.clock.runDue();
    return fixture.client.answers().length;
  });
  assert.deepEqual(answered, [1, perTurn, perTurn, 1]);
  const after = [calls("recvmsg"), calls("recvmmsg"), calls("sendmmsg")];
  const batches = 2 * UDP_BATCHES_PER_TURN_MAX;
  assert.deepEqual(
    after.map((count, index) => count - before[index]!),
    [1, batches + 1, batches],
  );
});

test("handleDatagrams() answers from the address that was asked, on a wildcard address", () => {
  const corefile = ".:53 {\n bind 0.0.0.0\n forward . 198.51.100.1\n cache\n}\n";
  const addresses = ["192.0.2.53", "192.0.2.54"];
  const server = new SimServer({ corefile, addresses });
  const upstream = new DnsUpstream(server.sim, "198.51.100.1");
  upstream.onQuery = (query) => {
    query.reply(ANSWER);
    return true;
  };
  for (const address of addresses) {
    const client = new DnsClient(server.sim, { address, port: 53 });
    for (const where of ["upstream", "cache"]) {
      client.ask(NAME);
      server.settle();
      assert.equal(client.peer.received[0]?.from.address, address, where);
      client.answers();
    }
    client.peer.close();
  }
});

test("handleDatagrams() goes on after datagrams that are no queries", () => {
  const fixture = new ForwardFixture();
  const { peer } = fixture.client;
  for (const length of [0, 1, 11, 12, 5000]) {
    peer.send(new Uint8Array(length).fill(0xff), { address: "192.0.2.53", port: 53 });
  }
  fixture.client.ask(NAME);
  fixture.settle();
  assert.equal(fixture.upstream.count, 1);
});

test("Loop.open() closes what it has opened when one cannot be had", () => {
  const corefile = ".:53 {\n bind 127.0.0.1 127.0.0.2\n forward . 198.51.100.1\n}\n";
  const { loop, sim } = new SimServer({ corefile });
  loop.close();
  const before = sim.openCount;
  for (const failing of [1, 2, 3, 4]) {
    let binds = 0;
    const bind = sim.bind.bind(sim);
    sim.bind = (...call) => {
      binds += 1;
      return binds === failing ? -EADDRINUSE : bind(...call);
    };
    assert.throws(() => loop.open(), /Cannot listen on (UDP|TCP) 127\.0\.0\.[12]:53/);
    sim.bind = bind;
    assert.equal(sim.openCount, before, `bind ${failing}`);
  }
});

test("acceptClients() serves TCP on the same address and port", () => {
  const fixture = new ForwardFixture();
  const client = new DnsTcpClient(fixture.server.sim, { address: "192.0.2.53", port: 53 });
  client.ask(NAME);
  fixture.settle();
  fixture.upstream.take().reply(ANSWER);
  fixture.settle();
  assert.equal(client.answers().length, 1);
});
