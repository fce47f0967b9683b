import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { queryCommand } from "./query_command.ts";
import { type QueryOptions, readQueryOptions } from "./query_flags.ts";

const RECURSION = (1 << 8) | (1 << 7);
const TRUNCATED = 1 << 9;
const NXDOMAIN = 3;

type Answerer = (query: Packet, protocol: "UDP" | "TCP") => Partial<Packet> | Uint8Array | null;

/** Runs one query against a server on loopback; `null` of the answerer is silence. */
async function run(
  options: Partial<QueryOptions>,
  answerer: Answerer,
): Promise<{ code: number; out: string; error: string; port: number }> {
  const reply = (bytes: Uint8Array, protocol: "UDP" | "TCP"): Uint8Array | null => {
    const query = decode(Buffer.from(bytes));
    const answer = answerer(query, protocol);
    if (answer === null || answer instanceof Uint8Array) return answer;
    const { id = 0, questions = [] } = query;
    return encode({ type: "response", id, flags: RECURSION, questions, ...answer });
  };
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      const bytes = reply(chunk.subarray(2), "TCP");
      if (bytes === null) return socket.end();
      return socket.end(Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length), bytes]));
    });
  });
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4");
  udp.on("message", (bytes, peer) => {
    const answer = reply(bytes, "UDP");
    if (answer !== null) udp.send(answer, peer.port, peer.address);
  });
  udp.bind(port, "127.0.0.1");
  await once(udp, "listening");
  const lines = { out: [] as string[], error: [] as string[] };
  const code = await queryCommand(
    {
      name: "example.org",
      type: "A",
      server: "127.0.0.1",
      port,
      tcp: false,
      dnssec: false,
      timeoutMs: 5_000,
      output: "text",
      ...options,
    },
    { out: (text) => lines.out.push(text), error: (text) => lines.error.push(text) },
  );
  udp.close();
  tcp.close();
  return { code, out: lines.out.join("\n"), error: lines.error.join("\n"), port };
}

const ADDRESSES: Answer[] = [
  { type: "CNAME", name: "example.org", ttl: 60, data: "a.example.org" },
  { type: "A", name: "a.example.org", ttl: 3600, data: "192.0.2.1" },
];

test("queryCommand() prints status, answer, size, time, server and flags", async () => {
  const { code, out, port } = await run({}, () => ({ answers: ADDRESSES }));
  assert.equal(code, 0);
  assert.deepEqual(out.replace(/in [0-9.]+ ms/, "in TIME").split("\n"), [
    ";; NOERROR  example.org. A",
    "",
    "example.org.      60  CNAME  a.example.org.",
    "a.example.org.  3600  A      192.0.2.1",
    "",
    `;; 96 bytes in TIME from 127.0.0.1:${port} by UDP`,
    ";; flags rd ra, no EDNS",
  ]);
});

test("queryCommand() asks again by TCP when the answer by UDP is truncated", async () => {
  const { out } = await run({ output: "short" }, (_query, protocol) =>
    protocol === "UDP" ? { flags: RECURSION | TRUNCATED } : { answers: ADDRESSES },
  );
  assert.equal(out, "a.example.org.\n192.0.2.1");
});

test("queryCommand() asks by TCP alone when told so", async () => {
  const { code } = await run({ tcp: true }, (_query, protocol) =>
    protocol === "TCP" ? { answers: ADDRESSES } : null,
  );
  assert.equal(code, 0);
});

test("queryCommand() sends RD, AD and EDNS with the DO bit that was asked for", async () => {
  for (const dnssec of [true, false]) {
    await run({ dnssec }, (query) => {
      assert.equal(query.flags, (1 << 8) | (1 << 5));
      const opt = query.additionals?.[0];
      assert.equal(opt?.type, "OPT");
      assert.equal(opt.udpPayloadSize, 1232);
      assert.equal(opt.flag_do, dnssec);
      return {};
    });
  }
});

test("queryCommand() counts any status as an answer, with EDNS errors shown", async () => {
  const text = Buffer.from("\0\x17no \x1b[31mroute");
  const options = [{ code: 15, data: text }] as never;
  const opt = {
    type: "OPT",
    name: ".",
    udpPayloadSize: 1232,
    flags: 0,
    options,
  } as unknown as Answer;
  const soa = {
    mname: "ns.example.org",
    rname: "root.example.org",
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minimum: 5,
  };
  const { code, out } = await run({}, () => ({
    flags: RECURSION | NXDOMAIN,
    authorities: [{ type: "SOA", name: "example.org", ttl: 5, data: soa }],
    additionals: [opt],
  }));
  assert.equal(code, 0);
  const lines = out.split("\n");
  assert.equal(lines[0], ";; NXDOMAIN  example.org. A");
  assert.equal(lines[2], ";; authority");
  assert.equal(lines[3], "example.org.  5  SOA  ns.example.org. root.example.org. 1 2 3 4 5");
  assert.equal(lines.at(-1), ';; flags rd ra, EDNS 1232 bytes, EDE 23 "no \\027[31mroute"');
});

test("queryCommand() prints JSON that holds the whole answer", async () => {
  const { out, port } = await run({ output: "json", name: "EXAMPLE.org." }, () => ({
    answers: [{ type: "TXT", name: "EXAMPLE.org", ttl: 1, data: ['a "b"', Buffer.from("\x00c")] }],
  }));
  const { id, timeMs, ...result } = JSON.parse(out);
  assert.ok(id >= 0 && id <= 65_535);
  assert.ok(timeMs > 0);
  assert.deepEqual(result, {
    status: "NOERROR",
    flags: ["rd", "ra"],
    questions: [{ name: "EXAMPLE.org.", type: "A" }],
    answers: [{ name: "EXAMPLE.org.", type: "TXT", ttlSec: 1, data: '"a \\"b\\"" "\\000c"' }],
    authorities: [],
    additionals: [],
    edns: null,
    server: `127.0.0.1:${port}`,
    protocol: "UDP",
    sizeBytes: 61,
  });
});

test("queryCommand() prints unknown types in the form of RFC 3597", async () => {
  const record = { type: "UNKNOWN_1234", name: "example.org", ttl: 9, data: Buffer.of(1, 255) };
  const { out } = await run({ type: "UNKNOWN_1234" }, () => ({ answers: [record as never] }));
  assert.equal(out.split("\n")[0], ";; NOERROR  example.org. TYPE1234");
  assert.equal(out.split("\n")[2], "example.org.  9  TYPE1234  \\# 2 01ff");
});

test("queryCommand() returns 1 and says why when there is no usable answer", async () => {
  const silent = await run({ timeoutMs: 60 }, () => null);
  assert.equal(silent.code, 1);
  assert.equal(silent.error, `nodens query: No answer from 127.0.0.1:${silent.port} in 0.06 s`);
  const closed = await run({ tcp: true }, () => null);
  assert.equal(closed.code, 1);
  assert.match(closed.error, /^nodens query: No answer from .*: it closed the connection$/);
  const other = await run({}, () => ({ questions: [{ name: "example.net", type: "A" }] }));
  assert.equal(other.code, 1);
  assert.equal(other.error, 'nodens query: Cannot use the answer: it is about "example.net" A');
  const broken = await run({ timeoutMs: 60 }, (query) => {
    const bytes = encode({ type: "response", id: query.id ?? 0, questions: query.questions ?? [] });
    bytes[7] = 1;
    return bytes;
  });
  assert.equal(broken.code, 1);
  assert.match(broken.error, /^nodens query: Cannot read the answer: /);
});

test("readQueryOptions() sorts operands in any order and knows reverse names", () => {
  const read = (values: Record<string, unknown>, ...operands: string[]) => {
    const { name, type, server, port } = readQueryOptions(values, operands);
    return `${name} ${type} ${server} ${port}`;
  };
  assert.equal(read({}, "example.org", "@192.0.2.1"), "example.org A 192.0.2.1 53");
  assert.equal(
    read({}, "@192.0.2.1:5300", "example.org", "aaaa"),
    "example.org AAAA 192.0.2.1 5300",
  );
  assert.equal(read({ port: 99 }, "a", "https", "@[2001:db8::1]"), "a HTTPS 2001:db8::1 99");
  assert.equal(read({ port: 99 }, "a", "type65", "@[2001:db8::1]:7"), "a UNKNOWN_65 2001:db8::1 7");
  assert.equal(read({}, "a", "@2001:db8::1"), "a A 2001:db8::1 53");
  assert.equal(read({ x: "1.2.0.192.in-addr.arpa" }, "@::1"), "1.2.0.192.in-addr.arpa PTR ::1 53");
});
