/** Which JavaScript runtime this is; the only place that asks. */

/** `deno` or `node`. */
export function runtimeName(): "deno" | "node" {
  return "Deno" in globalThis ? "deno" : "node";
}
