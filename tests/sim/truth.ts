/**
 * What is true in the simulated DNS, and since when: every name and type has versions that follow
 * each other. An answer tells its version (addresses and SOA serials carry it), so that the
 * simulation can say whether it was right at some time within its TTL.
 */

import type { Prng } from "../../src/std/prng.ts";
import { type DnsMessage, type DnsRecord, parseRecord, RCODES } from "../support/dns_message.ts";
import { typeNumber } from "../support/dns_rdata.ts";

export type Kind = "data" | "big" | "alias" | "nodata" | "nxdomain";

export interface Version {
  readonly number: number;
  readonly kind: Kind;
  readonly ttlSec: number;
  readonly sinceMs: number;
  /** Infinity for the present one. */
  untilMs: number;
}

export interface TruthQuestion {
  readonly name: string;
  readonly type: "A" | "AAAA";
}

/** Sections of an answer and its code, as a server that knows the truth gives them. */
export type TruthAnswer = Pick<DnsMessage, "rcode" | "answer" | "authority">;

const KINDS: readonly Kind[] = ["data", "data", "data", "big", "alias", "nodata", "nxdomain"];
const TTLS_SEC: readonly number[] = [0, 1, 2, 5, 10, 30, 300, 86_400];
/** Above 512 bytes and below 1,232. */
const BIG_RECORDS = 50;
const VERSION_MAX = 255;
/** Holds longer than any simulation lasts. */
const SIGNATURE = "8 3 60 20300101000000 20230101000000 4711 example.org. abcdef";

export class Truth {
  readonly questions: readonly TruthQuestion[];
  readonly #prng: Prng;
  readonly #versions = new Map<string, Version[]>();

  /** @param zones names are made in each of them. */
  constructor(prng: Prng, zones: readonly string[], namesPerZone: number, nowMs: number) {
    this.#prng = prng;
    this.questions = zones.flatMap((zone) =>
      Array.from({ length: namesPerZone }, (_, index) => `n${index}.${zone}`).flatMap((name) => [
        { name, type: "A" as const },
        { name, type: "AAAA" as const },
      ]),
    );
    for (const question of this.questions) this.change(question, nowMs);
  }

  /** Something else is true of `question` from now on. */
  change(question: TruthQuestion, nowMs: number): void {
    const versions = this.versionsOf(question);
    if (versions.length > VERSION_MAX) return;
    const before = versions.at(-1);
    if (before !== undefined) before.untilMs = nowMs;
    versions.push({
      number: versions.length,
      kind: this.#prng.pick(KINDS),
      ttlSec: this.#prng.pick(TTLS_SEC),
      sinceMs: nowMs,
      untilMs: Number.POSITIVE_INFINITY,
    });
  }

  versionsOf({ name, type }: TruthQuestion): Version[] {
    const key = `${name} ${type}`;
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    return versions;
  }

  /** The present answer; with `isSigned` there is a signature behind its records. */
  answer(question: TruthQuestion, isSigned: boolean): TruthAnswer {
    const answer = answerOf(question, this.versionsOf(question).at(-1)!);
    const last = answer.answer.at(-1);
    if (!isSigned || last === undefined) return answer;
    const rrsig = parseRecord(`${last.name} ${last.ttlSec} RRSIG ${question.type} ${SIGNATURE}`);
    return { ...answer, answer: [...answer.answer, rrsig] };
  }
}

/** The answer that `version` of `question` gives, with the TTLs of its source. */
export function answerOf(question: TruthQuestion, version: Version): TruthAnswer {
  const { number, kind, ttlSec } = version;
  const zone = question.name.slice(question.name.indexOf(".") + 1);
  const soa = `ns.${zone} admin.${zone} ${number} 3600 600 86400 ${ttlSec}`;
  const authority = [parseRecord(`${zone} ${ttlSec + 60} SOA ${soa}`)];
  if (kind === "nxdomain") return { rcode: RCODES["NXDOMAIN"]!, answer: [], authority };
  if (kind === "nodata") return { rcode: 0, answer: [], authority };
  const target = `web.${zone}`;
  const owner = kind === "alias" ? target : question.name;
  const count = kind === "big" ? BIG_RECORDS : 1;
  const records = Array.from({ length: count }, (_, index) => {
    const [high, low] = [(number + 1).toString(16), (index + 1).toString(16)];
    const isA = question.type === "A";
    const address = isA ? `10.9.${number}.${index}` : `2001:db8:1:1:1:1:${high}:${low}`;
    return parseRecord(`${owner} ${ttlSec} ${question.type} ${address}`);
  });
  const alias = parseRecord(`${question.name} ${ttlSec * 2} CNAME ${target}`);
  return { rcode: 0, answer: kind === "alias" ? [alias, ...records] : records, authority: [] };
}

/** Which version an answer is of; -1 when it does not tell. */
export function versionIn({ answer, authority }: TruthAnswer): number {
  const record = [...answer, ...authority].find(({ type }) => type !== typeNumber("CNAME"));
  if (record === undefined) return -1;
  if (record.type === typeNumber("SOA")) return Number(record.data.split(" ")[2]);
  if (record.type === typeNumber("A")) return Number(record.data.split(".")[2]);
  return Number.parseInt(record.data.split(":")[6] ?? "", 16) - 1;
}

/** TTLs that a record of `version` has when it is fetched through a cache with this cap. */
export function fetchedTtlSec(record: DnsRecord, version: Version, capSec: number): number {
  // RFC 2308 §5: a SOA lives as long as the lesser of its TTL and MINIMUM says.
  const ttlSec = record.type === typeNumber("SOA") ? version.ttlSec : record.ttlSec;
  return Math.min(ttlSec, capSec);
}
