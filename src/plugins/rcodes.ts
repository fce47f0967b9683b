/** RCODEs by the names that a Corefile may use. */

import { RCODE_HEADER_MAX } from "../wire/constants.ts";

/** RCODEs by the names that a Corefile may use (IANA registry, RFC 6895 §2.3). */
export const RCODE_BY_NAME: Readonly<Record<string, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADSIG: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
};

/** Those of them that fit the header of a message: all that can be answered without an OPT. */
export const HEADER_RCODE_BY_NAME: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(RCODE_BY_NAME).filter(([, rcode]) => rcode <= RCODE_HEADER_MAX),
);
