import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as dnsPacket from "dns-packet";
import { SimUdpPeer } from "../../tests/support/sim_peers.ts";
import { SimServer } from "../../tests/support/sim_server.ts";
import { CONFIG_NOTE_BYTES_MAX, writeConfigNote } from "../handoff/config_note.ts";
import { INSTANCE_NAME, instanceOf } from "../handoff/instance.ts";
import { VERSION } from "../version.ts";

const SERVER = { address: "192.0.2.53", port: 53 };
const NAME = INSTANCE_NAME.slice(0, -1);

function ask(name: string, type: string, dnsClass: string, note = "") {
  const server = new SimServer({ corefile: ".:53 {\n  forward . 203.0.113.1\n}\n" });
  if (note !== "") writeConfigNote(server.configMemory, note);
  const client = new SimUdpPeer(server.sim, "198.51.100.7", 4000);
  const question = { name, type, class: dnsClass } as unknown as dnsPacket.Question;
  client.send(dnsPacket.encode({ type: "query", id: 7, questions: [question] }), SERVER);
  server.settle();
  const datagram = client.take();
  server.close();
  return datagram === null ? null : dnsPacket.decode(Buffer.from(datagram.bytes));
}

test("answerOfUs() says who answers, to whoever asks in class CHAOS and any letters", () => {
  for (const [name, type] of [
    [NAME, "TXT"],
    [NAME.toUpperCase(), "ANY"],
  ] as const) {
    const [record] = ask(name, type, "CH")?.answers ?? [];
    const text = record !== undefined && "data" in record ? String(record.data) : "";
    assert.equal(text, `instance=5eed worker=1 version=${VERSION}`);
    assert.equal(instanceOf(text), "5eed");
  }
});

test("answerOfUs() says which configuration is in effect", () => {
  const note = `generation=3 loaded=2026-11-25T08:00:00Z sha512=5eed failed=0 problem=${"x".repeat(200)}`;
  for (const [text, said] of [
    ["", ""],
    [note, note.slice(0, CONFIG_NOTE_BYTES_MAX)],
  ] as const) {
    const [record] = ask("config.nodens", "TXT", "CH", text)?.answers ?? [];
    assert.equal(record !== undefined && "data" in record ? String(record.data) : null, said);
  }
});

test("answerOfUs() is not for other names, types and classes", () => {
  for (const [name, type, dnsClass] of [
    ["instance.nodem", "TXT", "CH"],
    ["confix.nodens", "TXT", "CH"],
    [`a.${NAME}`, "TXT", "CH"],
    [NAME, "A", "CH"],
    [NAME, "TXT", "HS"],
  ] as const) {
    const reply = ask(name, type, dnsClass);
    assert.equal(reply?.answers?.length, 0);
    assert.equal((reply as unknown as { rcode: string }).rcode, "REFUSED");
  }
  // In class IN it is a name like any other, for the upstream, which is silent here.
  const reply = ask(NAME, "TXT", "IN");
  assert.equal((reply as unknown as { rcode: string }).rcode, "SERVFAIL");
});

test("instanceOf() finds no name in what others say", () => {
  for (const text of ["", "instance=", "instance=xyz", "myinstance=5eed", "version.bind"]) {
    assert.equal(instanceOf(text), null, text);
  }
});
