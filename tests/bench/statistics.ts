/** Medians and ratios over rounds. */

/** One measurement: figures by name. */
export type Measure = Readonly<Record<string, number>>;

/** Median; of an even count the mean of the middle two; NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Median of every figure that any round has. */
export function medians(rounds: readonly Measure[]): Measure {
  const result: Record<string, number> = {};
  for (const key of new Set(rounds.flatMap((round) => Object.keys(round)))) {
    result[key] = median(rounds.flatMap((round) => round[key] ?? []));
  }
  return result;
}

/** Median of the ratios of two peers' figures in the same round; NaN when none has both. */
export function ratioWithinRounds(
  of: readonly Measure[],
  to: readonly Measure[],
  key: string,
): number {
  const ratios: number[] = [];
  for (let round = 0; round < of.length; round++) {
    const a = of[round]?.[key];
    const b = to[round]?.[key];
    if (a !== undefined && b !== undefined && b > 0) ratios.push(a / b);
  }
  return median(ratios);
}

/** Smallest and largest of a figure. */
export function spread(rounds: readonly Measure[], key: string): [number, number] {
  const values = rounds.flatMap((round) => round[key] ?? []);
  return [Math.min(...values), Math.max(...values)];
}
