/** A client's query as bytes, in memory of the kind that the data plane reads. */

import { dnsMessage, encodeMessage } from "./dns_message.ts";

const TYPE_A = 1;
const CLASS_IN = 1;

export function queryBytes(name: string): { bytes: Uint8Array; view: DataView } {
  const questions = [{ name, type: TYPE_A, class: CLASS_IN }];
  const message = encodeMessage(dnsMessage({ id: 1, flags: ["rd"], questions }));
  const buffer = new SharedArrayBuffer(message.length);
  const bytes = new Uint8Array(buffer);
  bytes.set(message);
  return { bytes, view: new DataView(buffer) };
}
