/** What the Corefiles of the field do with all other plugins. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { ask } from "../support/dns_client.ts";
import {
  ALL,
  askField,
  type FieldCheck,
  fresh,
  httpOf,
  KUBESPRAY,
  RELOADED,
  TYPE_A,
  TYPE_HINFO,
  textOf,
  WITH_HEALTH,
  WITHOUT_AAAA,
} from "../support/field_fixture.ts";
import { until } from "../support/until.ts";

export const PLUGIN_CHECKS: readonly FieldCheck[] = [
  {
    title: "template: AAAA is answered here, with an SOA, and A is not",
    ...{ files: WITHOUT_AAAA, needs: ["template"] },
    async run(field) {
      for (const zone of ["svc.cluster.local", "example.com"]) {
        const name = fresh("six", zone);
        const reply = await askField(field, name, "AAAA");
        assert.equal(reply.rcode, "NXDOMAIN");
        assert.deepEqual(
          (reply.authorities ?? []).map(({ type }) => type),
          ["SOA"],
        );
        assert.equal((await askField(field, name)).rcode, "NOERROR");
        const heard = [...field.cluster.heard, ...field.outside.heard];
        const types = heard.filter((query) => query.name === `${name}.`);
        assert.deepEqual(
          types.map((query) => query.message.questions[0]?.type),
          [TYPE_A],
        );
      }
    },
  },
  {
    title: "template: expansions of googleapis.com are cut, the name itself is not",
    ...{ files: WITHOUT_AAAA, needs: ["template"] },
    async run(field) {
      for (const zone of ["ns.svc.cluster.local", "c.project.internal"]) {
        const name = `${fresh("storage", "googleapis.com")}.${zone}`;
        assert.equal((await askField(field, name)).rcode, "NXDOMAIN", name);
        assert.equal(field.cluster.count(`${name}.`) + field.outside.count(`${name}.`), 0);
        assert.equal((await askField(field, fresh("other", zone))).rcode, "NOERROR");
      }
      assert.equal((await askField(field, fresh("storage", "googleapis.com"))).rcode, "NOERROR");
    },
  },
  {
    title: "template: expansions of Azure's own zones are cut, names of machines are not",
    ...{ files: ["aks.Corefile"], needs: ["template"] },
    async run(field) {
      for (const name of ["a.b.c.d.internal.cloudapp.net", fresh("a", "reddog.microsoft.com")]) {
        assert.equal((await askField(field, name)).rcode, "NXDOMAIN", name);
        assert.equal(field.outside.count(`${name}.`), 0);
      }
      assert.equal((await askField(field, "vm.x.internal.cloudapp.net")).rcode, "NOERROR");
    },
  },
  {
    title: "rewrite: a name of the outside is asked for by its name in the cluster",
    ...{ files: KUBESPRAY, needs: ["rewrite"] },
    async run(field) {
      await askField(field, "www.corp.example.org");
      assert.equal(field.site.count("website.shop.svc.corp.example.org."), 1);
      assert.equal(field.site.count("www.corp.example.org."), 0);
    },
  },
  {
    title: "hosts: names of the site are answered here, others fall through",
    ...{ files: KUBESPRAY, needs: ["hosts"] },
    async run(field) {
      for (const [name, address] of [
        ["registry.corp.example.org", "192.0.2.200"],
        ["console.cluster.local", "192.0.2.201"],
      ] as const) {
        const [record] = (await askField(field, name)).answers ?? [];
        assert.equal((record as { data?: unknown } | undefined)?.data, address);
      }
      assert.equal((await askField(field, fresh("other", "cluster.local"))).rcode, "NOERROR");
    },
  },
  {
    title: "loop: asks every upstream for a name of its own at start",
    ...{ files: ALL, needs: ["loop"] },
    async run(field) {
      for (const upstream of [field.cluster, field.outside]) {
        const isAsked = () =>
          upstream.heard.some((query) => query.message.questions[0]?.type === TYPE_HINFO);
        await until("a probe has come", isAsked);
      }
    },
  },
  {
    title: "health: says OK",
    ...{ files: WITH_HEALTH, needs: ["health"] },
    async run(field) {
      assert.equal(await textOf(`${field.url(httpOf(field, 0))}/health`), "OK");
    },
  },
  {
    title: "ready: says OK",
    ...{ files: ["aks.Corefile"], needs: ["ready"] },
    async run(field) {
      assert.equal(await textOf(`${field.url(httpOf(field, 0))}/ready`), "OK");
    },
  },
  {
    title: "prometheus: counts questions by CoreDNS' names",
    ...{ files: ALL, needs: ["prometheus"] },
    async run(field) {
      await askField(field, fresh("counted", "cluster.local"));
      const metrics = await textOf(`${field.url(httpOf(field, -1))}/metrics`);
      assert.match(metrics, /^coredns_dns_requests_total\{.*zone="cluster\.local\.".*\} \d+$/m);
    },
  },
  {
    title: "nsid: a client that asks for it is told who answers",
    ...{ files: ["aks.Corefile"], needs: ["nsid"] },
    async run(field) {
      const option = { code: 3, type: "NSID", data: Buffer.alloc(0) };
      const options = { address: field.addresses[0] ?? "", ednsOptions: [option] };
      const reply = await ask(field.port, "nsid.example.com", "A", options);
      const opt = (reply.additionals ?? []).find((record) => record.type === "OPT");
      const found =
        (opt as { options?: { code: number; data: Buffer }[] } | undefined)?.options ?? [];
      assert.deepEqual(
        found.map(({ code, data }) => `${code} ${data}`),
        ["3 localdns"],
      );
    },
  },
  {
    title: "reload: a change of the Corefile takes effect, and the cache stays",
    ...{ files: RELOADED, needs: ["reload"] },
    async run(field) {
      const kept = fresh("kept", "cluster.local");
      await askField(field, kept);
      const text = readFileSync(field.server.corefile, "utf8");
      const port = field.port;
      const block = `added.example:${port} {\n    bind ${field.addresses[0]}\n    whoami\n}\n`;
      writeFileSync(field.server.corefile, `${text}${block}`);
      field.server.child.kill("SIGUSR1");
      await until("the new zone is served", async () => {
        const { additionals = [] } = await askField(field, "x.added.example");
        return additionals.some(({ type }) => type === "A");
      });
      await askField(field, kept);
      assert.equal(field.cluster.count(`${kept}.`), 1);
    },
  },
];
