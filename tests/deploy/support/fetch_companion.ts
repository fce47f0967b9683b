/**
 * Asks a server inside a namespace over HTTP and hands its JSON back, as a companion of the lab.
 */

import { serveParent } from "../../netns/support/companion.ts";

export interface FetchRequest {
  readonly url: string;
  /** Sent as a form, by POST: queries are longer than addresses may be. */
  readonly form?: Readonly<Record<string, string>>;
}

async function reply({ url, form }: FetchRequest): Promise<unknown> {
  const how = form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) };
  const response = await fetch(url, how);
  return response.json();
}

if (import.meta.main) serveParent(reply);
