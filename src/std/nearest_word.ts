/** The known word that a misspelled one probably stands for. */

/**
 * Finds the word of `known` nearest to `word`, with case ignored.
 *
 * Near is an edit distance (insert, delete, replace, swap of neighbours) of at most a third of the
 * longer word's length and at most 3, or a beginning of at least three letters.
 *
 * @returns the first of the nearest, or `null` when none is near.
 */
export function nearestWord(word: string, known: readonly string[]): string | null {
  const asked = word.toLowerCase();
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const wanted = candidate.toLowerCase();
    const limit = Math.min(3, Math.max(1, Math.floor(Math.max(asked.length, wanted.length) / 3)));
    const isStart = asked.length >= 3 && wanted.startsWith(asked);
    const distance = isStart ? limit : editDistance(asked, wanted);
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `: did you mean "cache"?`, or nothing when no known word is near. */
export function suggestWord(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === null ? "" : `: did you mean "${nearest}"?`;
}

/** Optimal string alignment distance; words longer than 64 characters are infinitely far. */
export function editDistance(a: string, b: string): number {
  const LENGTH_MAX = 64;
  if (a.length > LENGTH_MAX || b.length > LENGTH_MAX) return Number.POSITIVE_INFINITY;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(replace, previous[j] + 1, current[j - 1] + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) distance = Math.min(distance, beforePrevious[j - 2] + 1);
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length];
}
