/** How a process is told from all others that may answer at the same address. */

/** Asked as TXT in class CHAOS; see server/own_answer.ts. */
export const INSTANCE_NAME = "instance.nodens.";

/** The instance's name in an answer's text, or null: `instance=0f3c… worker=1 version=0.1.0`. */
export function instanceOf(text: string): string | null {
  return /(?:^| )instance=([0-9a-f]+)(?: |$)/.exec(text)?.[1] ?? null;
}
