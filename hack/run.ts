/** The demonstration behind hack/run.sh: upstream, nodens, questions with known answers. */

import { once } from "node:events";
import { parseArgs } from "node:util";
import { type AskOptions, ask, type Reply } from "../tests/support/dns_client.ts";
import { type FixtureUpstream, startFixtureUpstream } from "../tests/support/fixture_upstream.ts";
import { freePort } from "../tests/support/free_port.ts";
import {
  type NodensProcess,
  runNodens,
  startNodens,
  writeCorefile,
} from "../tests/support/nodens_process.ts";

interface Question {
  readonly what: string;
  readonly name: string;
  readonly type: "A" | "AAAA" | "MX" | "TXT" | "SRV" | "PTR";
  readonly options?: AskOptions;
  readonly rcode?: string;
  readonly truncated?: boolean;
  /** Records of the answer, sorted. */
  readonly answers: readonly string[];
  /** Queries that the upstream gets for it; 0 is a cache hit. */
  readonly upstreamQueries: number;
}

const QUESTIONS: readonly Question[] = [
  {
    what: "an alias and its addresses",
    name: "www.example.org",
    type: "A",
    answers: ["A 192.0.2.20", "A 192.0.2.21", "CNAME web.frontend.example.org"],
    upstreamQueries: 1,
  },
  {
    what: "again, other letters: from the cache",
    name: "WWW.Example.ORG",
    type: "A",
    answers: ["A 192.0.2.20", "A 192.0.2.21", "CNAME web.frontend.example.org"],
    upstreamQueries: 0,
  },
  {
    what: "by TCP: the same cache",
    name: "www.example.org",
    type: "A",
    options: { transport: "tcp" },
    answers: ["A 192.0.2.20", "A 192.0.2.21", "CNAME web.frontend.example.org"],
    upstreamQueries: 0,
  },
  {
    what: "IPv6",
    name: "example.org",
    type: "AAAA",
    answers: ["AAAA 2001:db8::10"],
    upstreamQueries: 1,
  },
  {
    what: "mail exchangers",
    name: "example.org",
    type: "MX",
    answers: ["MX 10 mail.example.org", "MX 20 mail2.example.org"],
    upstreamQueries: 1,
  },
  {
    what: "a service",
    name: "_http._tcp.example.org",
    type: "SRV",
    answers: ["SRV 10 40 8081 web.frontend.example.org", "SRV 10 60 8080 web.frontend.example.org"],
    upstreamQueries: 1,
  },
  {
    what: "a reverse name",
    name: "10.2.0.192.in-addr.arpa",
    type: "PTR",
    answers: ["PTR example.org"],
    upstreamQueries: 1,
  },
  {
    what: "too large for UDP: nodens fetches it by TCP and tells us to do the same",
    name: "large.example.org",
    type: "TXT",
    truncated: true,
    answers: [],
    upstreamQueries: 2,
  },
  {
    what: "by TCP: all of it",
    name: "large.example.org",
    type: "TXT",
    options: { transport: "tcp" },
    answers: Array.from({ length: 8 }, (_, index) => `TXT 0${index + 1} 218 bytes`),
    upstreamQueries: 0,
  },
  {
    what: "a name that does not exist",
    name: "none.example.org",
    type: "A",
    rcode: "NXDOMAIN",
    answers: [],
    upstreamQueries: 1,
  },
  {
    what: "again: the denial is cached as well",
    name: "none.example.org",
    type: "A",
    rcode: "NXDOMAIN",
    answers: [],
    upstreamQueries: 0,
  },
];

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  const interrupted = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);

  const upstream = await startFixtureUpstream();
  const port = await freePort();
  const corefile = writeCorefile(`.:${port} {
    bind 127.0.0.1
    errors
    cache 30
    forward . 127.0.0.1:${upstream.port}
}
`);
  let nodens: NodensProcess | null = null;
  try {
    nodens = await startNodens(["-conf", corefile.file], port);
    say(`nodens answers on 127.0.0.1:${port} after ${nodens.startMs.toFixed(0)} ms`);
    say(`(process ${nodens.pid}, upstream 127.0.0.1:${upstream.port})\n`);
    const wrongCount = await askAll(port, upstream);
    await showQuery(port);
    if (values.once) {
      say(`\n${QUESTIONS.length - wrongCount} of ${QUESTIONS.length} answers were right`);
      return wrongCount === 0 ? 0 : 1;
    }
    say(`\nAsk it yourself, for example:`);
    say(`  dist/nodens query example.org MX @127.0.0.1 -p ${port}`);
    say(`  dig -p ${port} @127.0.0.1 www.example.org`);
    say(`\nCtrl-C stops it.`);
    await Promise.race([interrupted, nodens.ended]);
    // Ctrl-C reaches nodens too, which may be the faster one: it then ends with 0.
    const code = await nodens.stop();
    if (code === 0) {
      say("\nstopped");
      return 0;
    }
    process.stderr.write(`nodens has ended by itself\n${nodens.stderr()}`);
    return 1;
  } finally {
    await nodens?.stop();
    await upstream.close();
    corefile.remove();
  }
}

/** Prints a line per question and returns how many answers were wrong. */
async function askAll(port: number, upstream: FixtureUpstream): Promise<number> {
  let wrongCount = 0;
  for (const question of QUESTIONS) {
    const before = upstream.queries.length;
    const begin = performance.now();
    const reply = await ask(port, question.name, question.type, question.options);
    const tookMs = performance.now() - begin;
    const problems = problemsOf(question, reply, upstream.queries.length - before);
    const origin = upstream.queries.length === before ? "cache" : "upstream";
    say(`${problems.length === 0 ? "right" : "WRONG"}  ${question.name} ${question.type}`);
    say(`       ${question.what}; ${origin}, ${tookMs.toFixed(1)} ms`);
    for (const record of describe(reply)) say(`         ${record}`);
    for (const problem of problems) say(`       ! ${problem}`);
    if (problems.length > 0) wrongCount++;
  }
  return wrongCount;
}

function problemsOf(question: Question, reply: Reply, upstreamQueries: number): string[] {
  const problems: string[] = [];
  const expect = (what: string, found: unknown, wanted: unknown) => {
    const [foundText, wantedText] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (foundText !== wantedText) problems.push(`${what}: ${foundText}, expected ${wantedText}`);
  };
  expect("rcode", reply.rcode, question.rcode ?? "NOERROR");
  expect("answers", describe(reply), question.answers);
  expect("question", reply.questions?.[0]?.name, question.name);
  expect("queries upstream", upstreamQueries, question.upstreamQueries);
  expect("truncated", reply.flag_tc, question.truncated ?? false);
  return problems;
}

/** The answer's records as sorted text. */
function describe(reply: Reply): string[] {
  const lines = (reply.answers ?? []).map((record) => {
    switch (record.type) {
      case "MX":
        return `MX ${record.data.preference} ${record.data.exchange}`;
      case "SRV": {
        const { priority, weight, port, target } = record.data;
        return `SRV ${priority} ${weight} ${port} ${target}`;
      }
      case "TXT": {
        const text = [record.data].flat().join("");
        return `TXT ${text.slice(0, 2)} ${text.length} bytes`;
      }
      default:
        // Names may come in the letters of the question: compression points into it.
        return `${record.type} ${"data" in record ? String(record.data).toLowerCase() : ""}`;
    }
  });
  return lines.sort();
}

/** The same by our own command. */
async function showQuery(port: number): Promise<void> {
  const parameters = ["query", "www.example.org", "A", "@127.0.0.1", "-p", String(port)];
  say(`\n$ dist/nodens ${parameters.join(" ")}`);
  const { stdout, stderr } = await runNodens(parameters);
  say((stdout + stderr).trimEnd());
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
