/**
 * Corefiles at random, of which one follows the other: what may change in a node's configuration.
 */

import { PLUGINS } from "../../src/plugins/registry.ts";
import type { Prng } from "../../src/std/prng.ts";

/** Where the server always listens. */
export const STEADY = "192.0.2.53";
/** Where it listens at times. */
export const FICKLE: readonly string[] = ["192.0.2.54", "192.0.2.55"];
export const ZONES: readonly string[] = ["example.org.", "example.net."];
/** A search list, for `autopath`. */
export const SEARCH_FILE = "/etc/nodens/search.conf";
export const SEARCH_TEXT = "search example.org example.net\n";
/** A name that some configurations rewrite to the other. */
export const ALIAS = { from: "alias.example.org.", to: "n0.example.org." } as const;
export const UPSTREAMS: readonly string[] = Array.from(
  { length: 8 },
  (_, index) => `203.0.113.${index + 1}`,
);
/** How many of those a `forward` may name. */
const MEMBERS_MAX = 3;

/** Lines that any server block may have. */
const LINES: readonly string[] = [
  "any",
  "errors",
  "log",
  "loop",
  "loadbalance",
  "bufsize 1232",
  "debug",
  "cancel",
  "metadata",
  "minimal",
  "nsid nodens",
  "local",
  "reload",
  "dns64",
  "whoami",
  `rewrite name exact ${ALIAS.from} ${ALIAS.to}`,
  `autopath example.org ${SEARCH_FILE}`,
];
/**
 * What answers everything that is not cached, and what asks so often that a question takes long.
 */
const RARE_LINES = ["whoami", "dns64", "autopath"];

export function randomCorefile(prng: Prng): string {
  const layouts: readonly (readonly string[])[] = [
    [".:53"],
    ["example.org:53", "example.net:53"],
    ["example.org:53 example.net:53"],
    ["example.org:53", ".:53"],
    ["example.org:53", "example.net:53", ".:53"],
  ];
  const blocks = prng.pick(layouts).map((keys) => randomBlock(prng, keys, true));
  // A port that nobody asks.
  if (prng.chance(0.3)) blocks.push(randomBlock(prng, `.:${1053 + prng.below(3)}`, false));
  return blocks.join("");
}

function randomBlock(prng: Prng, keys: string, isAsked: boolean): string {
  const fickle = FICKLE.filter(() => prng.chance(0.5));
  const lines = LINES.filter((line) => {
    const name = line.split(" ")[0]!;
    const ratio = RARE_LINES.includes(name) ? 0.03 : 0.15;
    return Object.hasOwn(PLUGINS, name) && prng.chance(ratio);
  });
  return [
    `${keys} {`,
    `  bind ${[STEADY, ...(isAsked ? fickle : [])].join(" ")}`,
    ...lines.map((line) => `  ${line}`),
    ...(prng.chance(0.2) ? forward(prng, "n1.example.org") : []),
    ...forward(prng, "."),
    ...cache(prng),
    "}",
    "",
  ].join("\n");
}

function forward(prng: Prng, from: string): string[] {
  const first = prng.below(UPSTREAMS.length);
  const count = 1 + prng.below(MEMBERS_MAX);
  const members = Array.from(
    { length: count },
    (_, index) => UPSTREAMS[(first + index) % UPSTREAMS.length],
  );
  return [
    `  forward ${from} ${members.join(" ")} {`,
    `    policy ${prng.pick(["random", "round_robin", "sequential"])}`,
    `    ${prng.pick(["prefer_udp", "prefer_udp", "force_tcp"])}`,
    `    max_fails ${prng.pick([0, 1, 2])}`,
    ...(prng.chance(0.2) ? ["    failfast_all_unhealthy_upstreams"] : []),
    ...(prng.chance(0.2) ? [`    max_concurrent ${prng.pick([1, 1000])}`] : []),
    ...(prng.chance(0.2)
      ? [`    health_check ${prng.pick(["1s domain example.org", "500ms"])}`]
      : []),
    ...(prng.chance(0.2) ? [`    expire ${prng.pick([1, 10])}s`] : []),
    "  }",
  ];
}

function cache(prng: Prng): string[] {
  if (prng.chance(0.2)) return [];
  return [
    `  cache ${prng.pick([5, 30, 3600])} {`,
    ...(prng.chance(0.2) ? [`    servfail ${prng.pick([0, 1])}s`] : []),
    ...(prng.chance(0.2) ? ["    keepttl"] : []),
    ...(prng.chance(0.2) ? ["    disable denial"] : []),
    ...(prng.chance(0.2) ? ["    prefetch 1 1m 50%"] : []),
    ...(prng.chance(0.2) ? [`    serve_stale ${prng.pick(["1h", "10s verify"])}`] : []),
    "  }",
  ];
}
