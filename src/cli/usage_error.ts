/** The command line cannot be understood; the exit code is 2. */
export class UsageError extends Error {
  readonly code = "USAGE";
  readonly retryable = false;

  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Exit codes of every command. */
export const EXIT_STOPPED = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
