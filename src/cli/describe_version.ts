/** The line that `nodens version` prints. */

import process from "node:process";
import { COMMIT, VERSION } from "../version.ts";

/** `nodens 0.1.0 (1a2b3c4, Node 26.10.0, linux-x64)` */
export function describeVersion(): string {
  const { versions, platform, arch } = process;
  const runtime = versions.deno === undefined ? `Node ${versions.node}` : `Deno ${versions.deno}`;
  return `nodens ${VERSION} (${COMMIT}, ${runtime}, ${platform}-${arch})`;
}
