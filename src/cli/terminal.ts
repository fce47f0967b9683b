/** Where commands write; tests give their own. */
export interface Terminal {
  /** Standard output, one or more lines; the line end is added. */
  out(text: string): void;
  /** Standard error, the same way. */
  error(text: string): void;
}

export const systemTerminal: Terminal = {
  out(text) {
    process.stdout.write(`${text}\n`);
  },
  error(text) {
    process.stderr.write(`${text}\n`);
  },
};
