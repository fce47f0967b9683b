/**
 * Certificates for DNS over TLS: read from the files that a plan names, and again when they change.
 */

import { readFileSync, statSync } from "node:fs";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import type { TlsPlan } from "../handoff/plan.ts";

/** RFC 8310 §9.1 wants 1.2 or later. */
const VERSION_MIN = "TLSv1.2";
/** More than a configuration has, so that reloads cannot pile them up. */
const CONTEXTS_MAX = 64;

export class SecureContexts {
  readonly #contexts = new Map<string, SecureContext>();
  #systemAuthorities: string[] | null = null;

  /** What the files are by now, as a key: sessions of before must not outlive them. */
  version(plan: TlsPlan): string {
    const files = [plan.certFile, plan.keyFile, plan.caFile];
    const versions = files.map((file) => {
      if (file === null) return null;
      const { mtimeMs, size, ino } = statSync(file);
      return [file, mtimeMs, size, ino];
    });
    return JSON.stringify(versions);
  }

  /**
   * The context for connections by `plan`, made once for each version of its files.
   *
   * @throws {Error} when a file cannot be read, or is not what it should be.
   */
  get(plan: TlsPlan): SecureContext {
    const key = this.version(plan);
    let context = this.#contexts.get(key);
    if (context === undefined) {
      const { certFile, keyFile, caFile } = plan;
      const authorities =
        caFile === null ? this.#authorities() : readFileSync(caFile, { encoding: "utf8" });
      context = createSecureContext({
        minVersion: VERSION_MIN,
        ...(authorities === null ? {} : { ca: authorities }),
        ...(certFile === null ? {} : { cert: readFileSync(certFile) }),
        ...(keyFile === null ? {} : { key: readFileSync(keyFile) }),
      });
      if (this.#contexts.size >= CONTEXTS_MAX) this.#contexts.clear();
      this.#contexts.set(key, context);
    }
    return context;
  }

  /** The system's authorities; null, which means the runtime's own, where it has none. */
  #authorities(): string[] | null {
    this.#systemAuthorities ??= [...new Set(getCACertificates("system"))];
    return this.#systemAuthorities.length === 0 ? null : this.#systemAuthorities;
  }
}
