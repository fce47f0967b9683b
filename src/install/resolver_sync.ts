/**
 * `nodens resolver`: after others have written a resolv.conf, nodens is named first in it again.
 */

import { type Host, isSame, look, put } from "./host.ts";
import { FOUND_RESOLV_CONF, followed, RESOLV_CONF } from "./resolver.ts";
import { type InstallState, readState, writeState } from "./state.ts";

/** Somebody who writes all the time is not raced with: the next change brings us here again. */
const TURNS_MAX = 5;

/** @returns paths that were written; null where nodens is not installed. */
export function syncResolver(host: Host): string[] | null {
  const state = readState(host);
  if (state === null) return null;
  const written: string[] = [];
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const paths = syncOnce(host, state);
    if (paths.length === 0) break;
    written.push(...paths);
  }
  return written;
}

function syncOnce(host: Host, state: InstallState): string[] {
  const { resolver: kind, watched, address } = state;
  const files = [...followed(host, { kind, watched, address })];
  const changed = files.filter(([path, wanted]) => !isSame(look(host, path), wanted));
  // What the machine would have without us: it gets that when we are removed.
  if (files.some(([path]) => path === FOUND_RESOLV_CONF)) {
    state.before[RESOLV_CONF] = look(host, RESOLV_CONF);
    writeState(host, state);
  }
  for (const [path, wanted] of changed) put(host, path, wanted);
  return changed.map(([path]) => path);
}
