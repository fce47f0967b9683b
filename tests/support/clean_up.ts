/** What a test has to undo, undone to the last even when something of it fails. */

type Undo = () => unknown;

/** Of `node:test`'s context, what is needed here; a demonstration brings its own. */
export interface Ending {
  after(hook: () => unknown): void;
}

const undos = new WeakMap<Ending, Undo[]>();

/**
 * Runs `undo` when the test ends, before what was registered earlier. Unlike hooks of `node:test`,
 * all run whichever fail; the first error is that of the test.
 */
export function cleanUp(context: Ending, undo: Undo): void {
  const known = undos.get(context);
  if (known !== undefined) {
    known.push(undo);
    return;
  }
  const all = [undo];
  undos.set(context, all);
  context.after(async () => {
    const errors: unknown[] = [];
    for (const one of all.reverse()) {
      try {
        await one();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  });
}

/** An end that comes when `end` is called, for what is no test. */
export function endByHand(): Ending & { end(): Promise<void> } {
  const hooks: (() => unknown)[] = [];
  return {
    after: (hook) => hooks.push(hook),
    async end() {
      for (const hook of hooks.splice(0)) await hook();
    },
  };
}
