/**
 * What is wrong, or worth knowing, about a configuration: collected, not thrown.
 *
 * A Corefile is read to its end whatever is found in it, so that one check shows every problem.
 * Messages follow one grammar: the action in active voice, an upper-case start, no full stop,
 * quotes round what was read, a colon before details, the value found and the one expected.
 */

/** A place in a configuration file; lines and columns count from 1, 0 is "the whole file". */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An error keeps the server from starting; a warning does not. */
export interface Problem extends Place {
  readonly severity: "error" | "warning";
  /** The plugin that complains, `null` for the grammar and the server blocks themselves. */
  readonly plugin: string | null;
  readonly message: string;
}

/** At most this many problems of one severity are kept; more would help nobody. */
export const PROBLEMS_MAX = 200;

/** Collects problems; the same problem at the same place is kept once. */
export class Problems {
  readonly #list: Problem[] = [];
  readonly #seen = new Set<string>();
  #errorCount = 0;
  #warningCount = 0;

  error(place: Place, message: string, plugin: string | null = null): void {
    this.#add(place, "error", message, plugin);
  }

  warning(place: Place, message: string, plugin: string | null = null): void {
    this.#add(place, "warning", message, plugin);
  }

  get errorCount(): number {
    return this.#errorCount;
  }

  /** All problems: by file in the order of first mention, then by line and column. */
  sorted(): Problem[] {
    const files: string[] = [];
    for (const problem of this.#list) {
      if (!files.includes(problem.file)) files.push(problem.file);
    }
    return this.#list.toSorted(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
  }

  #add(place: Place, severity: Problem["severity"], message: string, plugin: string | null): void {
    const { file, line, column } = place;
    const problem: Problem = { severity, file, line, column, plugin, message };
    const key = `${severity}:${column}:${formatProblem(problem)}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (severity === "error") this.#errorCount += 1;
    else this.#warningCount += 1;
    const count = severity === "error" ? this.#errorCount : this.#warningCount;
    if (count <= PROBLEMS_MAX) this.#list.push(problem);
  }
}

/** `FILE:LINE: plugin NAME: message`, without the line when there is none. */
export function formatProblem(problem: Problem): string {
  const where = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}`;
  const who = problem.plugin === null ? "" : `plugin ${problem.plugin}: `;
  return `${where}: ${who}${problem.message}`;
}

/** `FILE:LINE:COLUMN: plugin NAME: message`, as compilers write it: editors go to the place. */
export function locateProblem(problem: Problem): string {
  const { file, line, column } = problem;
  return formatProblem({
    ...problem,
    file: line === 0 ? file : `${file}:${line}:${column}`,
    line: 0,
  });
}

/** The configuration cannot be used; `problems` holds every reason, warnings included. */
export class ConfigError extends Error {
  readonly code = "CONFIG";
  readonly retryable = false;
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const errors = problems.filter((problem) => problem.severity === "error");
    super(errors.map(locateProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}
