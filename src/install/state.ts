/**
 * What an installation has changed on a machine and what was there before, in a file: it is written
 * before each change, so that an installation that ends anywhere can be taken back.
 */

import { type Found, fileOf, type Host, InstallError, put, readText } from "./host.ts";

export const STATE_PATH = "/var/lib/nodens/install.json";

export type ResolverKind = "resolved" | "resolvconf" | "file" | "link" | "none";

export interface InstallState {
  /** Of this file's form. */
  readonly format: 1;
  readonly address: string;
  readonly resolver: ResolverKind;
  /** What other programs keep up to date: `nodens resolver` reads it. */
  readonly watched: string;
  /** By path, in the order of the changes: what was there before nodens was. */
  readonly before: Record<string, Found>;
}

/** @returns null where nothing is installed. @throws {InstallError} when the file is damaged. */
export function readState(host: Host): InstallState | null {
  const text = readText(host, STATE_PATH);
  if (text === null) return null;
  try {
    return JSON.parse(text) as InstallState;
  } catch (error) {
    const why = `${(error as Error).message}: see deploy/systemd for the way back by hand`;
    throw new InstallError(`Cannot read ${STATE_PATH}, which says what was there before: ${why}`);
  }
}

export function writeState(host: Host, state: InstallState): void {
  // What was found may have been secret.
  put(host, STATE_PATH, fileOf(`${JSON.stringify(state, null, 1)}\n`, 0o600));
}
