/** Where the playgrounds of this folder say what they do, and what they have found. */

/** What has been said, and whether it was true. */
export class Stage {
  checked = 0;
  wrong = 0;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void = (text) => void process.stdout.write(text)) {
    this.#write = write;
  }

  say(text = ""): void {
    this.#write(`${text}\n`);
  }

  title(text: string): void {
    this.say(`\n\n${text}\n${"─".repeat(text.length)}`);
  }

  /** A line of what was found, with its judgement. */
  fact(isTrue: boolean, text: string, found = ""): void {
    this.checked++;
    if (!isTrue) this.wrong++;
    this.say(isTrue ? `  ✓ ${text}` : `  ✗ WRONG: ${text}${found === "" ? "" : `: ${found}`}`);
  }
}
