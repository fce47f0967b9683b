/** The goals, and what was measured for each. */
import { CACHE_BYTES, type ScenarioResult } from "./scenario.ts";
import { median, medians, ratioWithinRounds } from "./statistics.ts";

/** One goal with its outcome; `value` is NaN when it was not measured. */
export interface Goal {
  text: string;
  value: number;
  limit: number;
  unit: string;
  outcome: "met" | "missed" | "not measured";
}

type Results = ReadonlyMap<string, ScenarioResult>;

const OURS = "nodens";
/** Fewer names than these do not fill 64 MiB. */
const FLOOD_NAMES_MIN = 1_000_000;
const BUDGET_MB = CACHE_BYTES / 1e6;

/** Judges every goal by what the scenarios found. */
export function judge(scenarios: readonly ScenarioResult[]): Goal[] {
  const results: Results = new Map(scenarios.map((result) => [result.id, result]));
  const ratio = (id: string, peer: string, key = "cpuUs"): number => {
    const rounds = results.get(id)?.rounds ?? {};
    return ratioWithinRounds(rounds[OURS] ?? [], rounds[peer] ?? [], key);
  };
  const own = (id: string, key: string): number =>
    medians(results.get(id)?.rounds[OURS] ?? [])[key] ?? Number.NaN;
  const hits = results.get("hit")?.rounds ?? {};
  const stockRatio = ratioWithinRounds(hits.stock ?? [], hits[OURS] ?? [], "cpuUs");
  const hitToBare = ratio("hit", "bare");
  return [
    goal("hit at saturation: CPU to unbound's", ratio("hit", "unbound"), 0.8, "×"),
    goal("hit at saturation: CPU to the bare responder's", hitToBare, 1.25, "×"),
    goal("the same, the stretch", hitToBare, 1.15, "×"),
    goal("hit with node-cache's Corefile: CPU to the plain one's", stockRatio, 1.05, "×"),
    goal("p99 at the same load, to unbound's", ratio("rate", "unbound", "p99Us"), 1, "×"),
    goal("hit at 2000 queries/s: CPU to unbound's", ratio("low", "unbound"), 1, "×"),
    goal("idle CPU", own("idle", "idlePercent"), 0.2, "%"),
    goal("miss: CPU to dnsdist's", ratio("miss", "dnsdist"), 1, "×"),
    goal("miss: CPU to unbound's", ratio("miss", "unbound"), 0.35, "×"),
    goal("hit with many names to few names", own("scale", "scaleRatio"), 1.25, "×"),
    goal("TCP hit: CPU to unbound's", ratio("tcp", "unbound"), 1, "×"),
    goal("idle RSS", own("memory", "idleRssMb"), 90, "MB"),
    goal("idle RssAnon", own("memory", "idleAnonMb"), 40, "MB"),
    goal(
      "RSS after a flood, above idle and budget",
      own("memory", "floodRssMb") - own("memory", "idleRssMb") - BUDGET_MB,
      15,
      "MB",
    ),
    goal("growth in a second flood", secondFloodGrowth(own), 1, "MB"),
    goal("growth over millions of hits", growth(results), 1, "MB"),
    goal("exec to first answer", own("start", "firstAnswerMs"), 150, "ms"),
    goal("wrong answers, all told", wrongAnswers(scenarios), 0, ""),
  ];
}

/** Means something only once the first flood has filled the cache, which takes a full run. */
function secondFloodGrowth(own: (id: string, key: string) => number): number {
  if (own("memory", "floodAnswered") < FLOOD_NAMES_MIN) return Number.NaN;
  return own("memory", "secondRssMb") - own("memory", "floodRssMb");
}

/** A fast wrong answer is worth nothing, so their number is a goal of its own. */
function wrongAnswers(scenarios: readonly ScenarioResult[]): number {
  const counts = scenarios
    .flatMap((result) => result.rounds[OURS] ?? [])
    .flatMap((round) => round.wrong ?? []);
  return counts.length === 0 ? Number.NaN : counts.reduce((sum, count) => sum + count, 0);
}

/** The heap where it can be read, else anonymous memory, which bounds it from above. */
function growth(results: Results): number {
  const rounds = results.get("heap")?.rounds[OURS] ?? [];
  return median(rounds.flatMap((round) => round.heapGrowthMb ?? round.anonGrowthMb ?? []));
}

function goal(text: string, value: number, limit: number, unit: string): Goal {
  const outcome = Number.isNaN(value) ? "not measured" : value <= limit ? "met" : "missed";
  return { text, value, limit, unit, outcome };
}
