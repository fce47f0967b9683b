/**
 * Stands in for kube-dns, in namespace `cluster`. It answers every name, and by which of its
 * addresses it was asked: so a client sees whether nodens has answered, which asks the upstream
 * endpoints, or kube-dns, to which the Service's rules lead.
 *
 * - A: 192.0.2.100 from an upstream endpoint, 192.0.2.200 from an endpoint of kube-dns.
 * - AAAA: 2001:db8::100 and 2001:db8::200.
 * - TXT: `upstream` or `kube-dns`, its address, and who has asked.
 * - `miss-….` comes after a delay, `delay-250-….` after 250 ms; all others at once.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { serveParent, settingsOfParent } from "./companion.ts";
import {
  encodeAnswer,
  MessageReader,
  type QuestionView,
  questionOf,
  TYPES,
  withLength,
} from "./dns_wire.ts";
import { KUBE_DNS_ENDPOINTS, UPSTREAM_ENDPOINTS } from "./places.ts";

export interface KubeDnsSettings {
  /** Of names that begin with `miss-`. */
  readonly missDelayMs: number;
  readonly ttlSec: number;
}

/** Queries so far, by what was asked and how. */
export interface KubeDnsCounts {
  readonly kubeDns: { udp: number; tcp: number };
  readonly upstream: { udp: number; tcp: number };
}

/** Data of the A record by who was asked. */
export const ANSWER_OF = { upstream: "192.0.2.100", kubeDns: "192.0.2.200" } as const;

type Role = keyof typeof ANSWER_OF;

interface Asked {
  readonly role: Role;
  readonly transport: "udp" | "tcp";
  /** The address that was asked. */
  readonly address: string;
  readonly client: string;
}

const PORT = 53;
/** The headless Service of deploy/kubernetes, whose addresses are those of kube-dns' pods. */
const FALLBACK_SERVICE = "nodens-fallback.";

async function main(settings: KubeDnsSettings): Promise<void> {
  const counts: KubeDnsCounts = { kubeDns: { udp: 0, tcp: 0 }, upstream: { udp: 0, tcp: 0 } };
  const answer = (query: Buffer, asked: Asked, send: (bytes: Buffer) => void) => {
    const question = questionOf(query);
    if (question === null) return;
    counts[asked.role][asked.transport]++;
    const data = recordData(question, asked);
    const bytes = encodeAnswer(query, question, { data, ttlSec: settings.ttlSec });
    const delayMs = delayOf(question.name, settings.missDelayMs);
    if (delayMs === 0) send(bytes);
    else setTimeout(send, delayMs, bytes);
  };
  for (const [role, endpoints] of [
    ["kubeDns", KUBE_DNS_ENDPOINTS],
    ["upstream", UPSTREAM_ENDPOINTS],
  ] as const) {
    for (const address of endpoints.flatMap((endpoint) => [endpoint[4], endpoint[6]])) {
      await listen(role, address, answer);
    }
  }
  serveParent(() => counts);
}

async function listen(
  role: Role,
  address: string,
  answer: (query: Buffer, asked: Asked, send: (bytes: Buffer) => void) => void,
): Promise<void> {
  const udp = createSocket({ type: address.includes(":") ? "udp6" : "udp4" });
  udp.on("message", (query, { address: client, port }) => {
    const asked: Asked = { role, transport: "udp", address, client };
    answer(query, asked, (bytes) => udp.send(bytes, port, client, () => {}));
  });
  udp.bind(PORT, address);
  const tcp = createServer({ noDelay: true }, (connection) => {
    const reader = new MessageReader();
    const client = connection.remoteAddress ?? "?";
    connection.on("error", () => connection.destroy());
    connection.on("data", (piece) => {
      for (const query of reader.push(piece as Buffer)) {
        const asked: Asked = { role, transport: "tcp", address, client };
        answer(query, asked, (bytes) => connection.write(withLength(bytes)));
      }
    });
  });
  tcp.listen(PORT, address);
  await Promise.all([once(udp, "listening"), once(tcp, "listening")]);
}

function recordData(question: QuestionView, asked: Asked): Buffer | null {
  const isFallback = question.name.startsWith(FALLBACK_SERVICE);
  const address = isFallback ? KUBE_DNS_ENDPOINTS[0]![4] : ANSWER_OF[asked.role];
  const lastByte = address.split(".")[3] ?? "";
  switch (question.type) {
    case TYPES.A:
      return Buffer.from(address.split(".").map(Number));
    case TYPES.AAAA:
      if (isFallback) return null;
      return Buffer.from(`20010db8${lastByte.padStart(24, "0")}`, "hex");
    case TYPES.TXT: {
      const who = asked.role === "upstream" ? "upstream" : "kube-dns";
      const text = Buffer.from(`${who} ${asked.address} asked by ${asked.client}`, "latin1");
      return Buffer.concat([Buffer.from([text.length]), text]);
    }
    default:
      return null;
  }
}

function delayOf(name: string, missDelayMs: number): number {
  if (name.startsWith("miss-")) return missDelayMs;
  const wanted = /^delay-(\d+)-/.exec(name)?.[1];
  return wanted === undefined ? 0 : Number(wanted);
}

if (import.meta.main) await main(settingsOfParent());
