/** What a test has to undo, undone to the last even when something of it fails. */

import type { TestContext } from "node:test";

type Undo = () => unknown;

const undos = new WeakMap<TestContext, Undo[]>();

/**
 * Runs `undo` when the test ends, before what was registered earlier. Unlike hooks of `node:test`,
 * all run whichever fail; the first error is that of the test.
 */
export function cleanUp(context: TestContext, undo: Undo): void {
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
