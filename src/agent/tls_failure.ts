/** Why a connection by TLS could not be made, in plain words with the way out. */

import { runtimeName } from "../sys/runtime.ts";

const UNKNOWN_AUTHORITY =
  "its certificate is of an authority that is not trusted: name the authority's file by tls CA";
/** Deno gives one code for all that is wrong with a certificate besides its name. */
const UNVERIFIED = `${UNKNOWN_AUTHORITY}; or it is not valid at this time`;
const EXPIRED = "its certificate has expired";
const NOT_YET = "its certificate is not valid yet: is this machine's clock right?";
const CLOSED = "it closed the connection during the handshake: does it speak TLS on this port?";

/** By `error.code`. */
const BY_CODE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: NOT_YET,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  ECONNREFUSED: "connection refused",
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  ETIMEDOUT: "it does not answer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  EADDRNOTAVAIL: "this machine does not have the source address",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS on this port",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no TLS 1.2 or later",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no TLS 1.2 or later",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    "it wants a certificate of ours: name it by tls CERT KEY",
};

/** @param expected the name or address that the certificate should have been for. */
export function tlsFailure(error: Error, expected: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const advice = "write the right one by tls_servername";
    return `its certificate is not for "${expected}"${namesIn(error)}: ${advice}`;
  }
  if (code === undefined || !Object.hasOwn(BY_CODE, code)) return message;
  const reason = BY_CODE[code]!;
  return reason === UNKNOWN_AUTHORITY && runtimeName() === "deno" ? UNVERIFIED : reason;
}

/** The names that it is for, as Node says them: `DNS:dns.example.org, IP Address:192.0.2.1`. */
function namesIn(error: Error): string {
  const { cert } = error as Error & { cert?: { subjectaltname?: string } };
  const names = cert?.subjectaltname?.replace(/\b(DNS|IP Address):/g, "");
  return names === undefined || names === "" ? "" : ` but for ${names}`;
}
