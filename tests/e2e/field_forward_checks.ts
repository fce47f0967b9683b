/** What the Corefiles of the field do with bind, forward, cache, errors, log, import and whoami. */

import assert from "node:assert/strict";
import { ask } from "../support/dns_client.ts";
import { decodeMessage } from "../support/dns_message.ts";
import {
  ALL,
  answerAgain,
  askField,
  type FieldCheck,
  fresh,
  KUBESPRAY,
  LONG_CACHE,
  REFUSED,
  STOCK_CACHE,
  silence,
  transportsOf,
  ttlOf,
} from "../support/field_fixture.ts";
import { openUdpClient, question } from "../support/raw_client.ts";
import { until } from "../support/until.ts";

export const FORWARD_CHECKS: readonly FieldCheck[] = [
  {
    title: "bind: answers at its addresses and at no other",
    ...{ files: ALL, needs: ["bind"] },
    async run(field) {
      for (const at of field.addresses.keys()) {
        assert.equal((await askField(field, "a.cluster.local", "A", at)).rcode, "NOERROR");
      }
      const other = ask(field.port, "a.cluster.local", "A", { address: "127.0.0.1" });
      await assert.rejects(other, /ECONNREFUSED/);
    },
  },
  {
    title: "forward: each zone goes to its upstream, by TCP where it says so",
    ...{ files: ALL, needs: ["forward"] },
    async run(field) {
      const names = [
        ["a1.svc.cluster.local", "A", field.cluster],
        ["b1.example.com", "A", field.outside],
      ] as const;
      for (const [name, type, upstream] of names) {
        assert.equal((await askField(field, name, type)).rcode, "NOERROR");
        assert.equal(upstream.count(`${name}.`), 1, name);
      }
    },
  },
  {
    title: "forward: force_tcp asks the cluster by TCP",
    files: ["kubernetes.Corefile", "colopl.Corefile", ...KUBESPRAY, "aks.Corefile"],
    needs: ["forward"],
    async run(field) {
      const name = fresh("tcp", "cluster.local");
      await askField(field, name);
      assert.deepEqual(transportsOf(field.cluster, name), ["tcp"]);
    },
  },
  {
    title: "forward: prefer_udp asks by UDP, also for a client that comes by TCP",
    ...{ files: ["gardener.Corefile", "deckhouse.Corefile"], needs: ["forward"] },
    async run(field) {
      const name = fresh("udp", "cluster.local");
      await ask(field.port, name, "A", { transport: "tcp", address: field.addresses[0] ?? "" });
      assert.deepEqual(transportsOf(field.cluster, name), ["udp"]);
    },
  },
  {
    title: "forward: reverse zones go to the cluster",
    ...{ files: STOCK_CACHE, needs: ["forward"] },
    async run(field) {
      for (const name of ["1.2.0.10.in-addr.arpa", "1.0.0.2.ip6.arpa"]) {
        assert.equal((await askField(field, name, "PTR")).rcode, "NOERROR");
        assert.deepEqual(transportsOf(field.cluster, name), ["tcp"]);
      }
    },
  },
  {
    title: "forward: more than max_concurrent questions at a time are refused",
    ...{ files: ["aks.Corefile"], needs: ["forward"], isSlow: true },
    async run(field) {
      const client = await openUdpClient(field.context, field.port, {
        address: field.addresses[1] ?? "",
      });
      const names = Array.from({ length: 1_001 }, () => `${fresh("held", "example.com")}.`);
      for (const name of names) silence(name);
      // Few at a time, so that no socket's buffer is too small for them.
      for (let at = 0; at < names.length; at += 100) {
        for (const [index, name] of names.slice(at, at + 100).entries()) {
          client.send(question(name, at + index));
        }
        const expectedCount = Math.min(at + 100, 1_000);
        await until(`${expectedCount} are asked`, () => {
          const held = field.cluster.heard.filter(({ name }) => name.startsWith("held"));
          return new Set(held.map(({ name }) => name)).size >= expectedCount;
        });
      }
      await until("all are answered", () => client.received.length === names.length);
      const refused = client.received.map(decodeMessage).filter(({ rcode }) => rcode === REFUSED);
      assert.equal(refused.length, 1);
    },
  },
  {
    title: "cache: answers live 30 seconds, denials of the cluster 5, and neither is asked twice",
    ...{ files: STOCK_CACHE, needs: ["cache"] },
    async run(field) {
      for (const [prefix, zone, ttl] of [
        ["good", "cluster.local", 30],
        ["nothing", "cluster.local", 5],
        ["good", "example.com", 30],
        ["nothing", "example.com", 30],
      ] as const) {
        const name = fresh(prefix, zone);
        assert.equal(ttlOf(await askField(field, name)), ttl, name);
        await askField(field, name);
        const upstream = zone === "example.com" ? field.outside : field.cluster;
        assert.equal(upstream.count(`${name}.`), 1, name);
      }
    },
  },
  {
    title: "cache: answers live an hour",
    ...{ files: LONG_CACHE, needs: ["cache"] },
    async run(field) {
      assert.equal(ttlOf(await askField(field, fresh("good", "cluster.local"))), 3_600);
    },
  },
  {
    title: "cache: servfail 0 keeps no failure",
    ...{ files: ["aks.Corefile"], needs: ["cache"] },
    async run(field) {
      const name = fresh("broken", "example.com");
      for (const asked of [1, 2]) {
        assert.equal((await askField(field, name)).rcode, "SERVFAIL");
        assert.equal(field.outside.count(`${name}.`), asked);
      }
    },
  },
  {
    title: "cache: serve_stale answers from what has expired while the upstream is silent",
    ...{ files: LONG_CACHE, needs: ["cache", "cache.serve_stale"] },
    async run(field) {
      const name = fresh("ttl1", "example.com");
      await askField(field, name);
      silence(`${name}.`);
      await until("it has expired and is asked again", async () => {
        assert.equal((await askField(field, name)).rcode, "NOERROR");
        return field.outside.count(`${name}.`) > 1;
      });
      const stale = await askField(field, name);
      answerAgain(`${name}.`);
      assert.equal(stale.rcode, "NOERROR");
      assert.equal(stale.answers?.length, 1);
    },
  },
  {
    title: "cache: prefetch asks again before a name expires that is asked for often",
    ...{ files: ["colopl.Corefile", "deckhouse.Corefile"], needs: ["cache", "cache.prefetch"] },
    async run(field) {
      const name = fresh("ttl10", "cluster.local");
      await askField(field, name);
      // From now on nobody answers: what is asked again is asked on behalf of nobody who waits.
      silence(`${name}.`);
      await until("it is asked again", async () => {
        const reply = await askField(field, name);
        assert.equal(reply.rcode, "NOERROR");
        assert.ok(ttlOf(reply) > 0, "it has expired");
        return field.cluster.count(`${name}.`) > 1;
      });
      answerAgain(`${name}.`);
    },
  },
  {
    title: "errors: a question without an answer is a line of the log",
    ...{ files: ALL, needs: ["errors"], isSlow: true },
    async run(field) {
      const name = fresh("silent", "cluster.local");
      silence(`${name}.`);
      assert.equal((await askField(field, name)).rcode, "SERVFAIL");
      answerAgain(`${name}.`);
      const line = (text: string) => text.includes("plugin/errors") && text.includes(name);
      // A summary counts it and does not name it.
      const isLogged = () =>
        field.server.lines().some((text) => line(text) || /\d+ errors like/.test(text));
      await until("the log has it", isLogged, 15_000);
    },
  },
  {
    title: "errors: consolidate sums up equal errors",
    ...{ files: ["deckhouse.Corefile"], needs: ["errors", "errors.consolidate"], isSlow: true },
    async run(field) {
      const names = [1, 2, 3].map(() => fresh("silent", "cluster.local"));
      for (const name of names) silence(`${name}.`);
      await Promise.all(names.map((name) => askField(field, name)));
      for (const name of names) answerAgain(`${name}.`);
      const isSummed = () => field.server.lines().some((text) => /\d+ errors like/.test(text));
      await until("the log has a summary", isSummed, 20_000);
    },
  },
  {
    title: "log: a question is a line of the log",
    ...{ files: [...KUBESPRAY, "aks.Corefile"], needs: ["log"] },
    async run(field) {
      const name = fresh(
        "logged",
        field.addresses.length === 1 ? "corp.example.org" : "example.com",
      );
      await askField(field, name);
      const isLogged = () =>
        field.server.lines().some((text) => text.includes(`"A IN ${name}. udp`));
      await until("the log has it", isLogged);
    },
  },
  {
    title: "import: what the cluster's owner adds takes effect",
    ...{ files: ["gardener.Corefile"], needs: ["import"] },
    async run(field) {
      const name = fresh("added", "corp.example.org");
      await askField(field, name);
      const line = `[INFO] override ${name}. NOERROR`;
      await until("the log has it", () => field.server.lines().includes(line));
    },
  },
  {
    title: "whoami: says who asks, at each address",
    ...{ files: ["aks.Corefile"], needs: ["whoami"] },
    async run(field) {
      for (const at of field.addresses.keys()) {
        const reply = await askField(field, "health-check.localdns.local", "A", at);
        assert.equal(reply.rcode, "NOERROR");
        const additional = (reply.additionals ?? []) as { type: string; data?: unknown }[];
        const address = additional.find((record) => record.type === "A")?.data;
        assert.match(String(address), /^127\./);
      }
    },
  },
];
