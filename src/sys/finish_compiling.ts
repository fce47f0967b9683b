/** What a thread that calls foreign functions has to do before it ends. */

import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

/**
 * Waits until the engine's background threads have compiled what the calling thread has made hot.
 *
 * When a worker of Node 26 ends, the descriptions of its foreign functions are freed before the
 * compilers that read them are done; a process that is stopped while it warms up dies of that
 * (SIGSEGV or a failed check in V8), one time in some hundred on a busy machine. To be called when
 * no foreign function will be called any more. Does nothing where the runtime does not let us: Deno
 * has no such flag at run time.
 */
export function finishCompiling(): void {
  try {
    setFlagsFromString("--allow-natives-syntax");
    new Script("%WaitForBackgroundOptimization()").runInThisContext();
  } catch {
    // The syntax is not known.
  }
}
