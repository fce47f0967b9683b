/**
 * The numbers of the DNS protocol and their names, as IANA registers them.
 *
 * Offsets and masks are for the data plane; the name tables at the end are for logs, metrics, the
 * command line and tests. Knows nothing of how messages are read or kept.
 */

// Header, RFC 1035 §4.1.1. Offsets are relative to the message.
export const HEADER_ID = 0;
export const HEADER_FLAGS = 2;
export const HEADER_QDCOUNT = 4;
export const HEADER_ANCOUNT = 6;
export const HEADER_NSCOUNT = 8;
export const HEADER_ARCOUNT = 10;
export const HEADER_BYTES = 12;

// The 16 bits at HEADER_FLAGS. AD and CD are of RFC 4035 §3.2; one bit, Z, stays unassigned.
export const FLAG_QR = 0x8000;
export const OPCODE_MASK = 0x7800;
export const OPCODE_SHIFT = 11;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
export const FLAG_Z = 0x0040;
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;
export const RCODE_MASK = 0x000f;

// Names, RFC 1035 §2.3.4 and §4.1.4.
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
/** A name of 255 bytes holds at most this many labels, the root not counted. */
export const LABELS_MAX = 127;
/** The two top bits of a length byte: 00 is a label, 11 a pointer, the rest is reserved. */
export const POINTER_BITS = 0xc0;
export const POINTER_BYTES = 2;
export const POINTER_MASK = 0x3fff;

/** TYPE and CLASS after the name of a question. */
export const QUESTION_FIXED_BYTES = 4;

// A resource record after its owner name. Offsets are relative to the TYPE field.
export const RECORD_TYPE = 0;
export const RECORD_CLASS = 2;
export const RECORD_TTL = 4;
export const RECORD_RDLENGTH = 8;
export const RECORD_FIXED_BYTES = 10;

// The OPT record, RFC 6891 §6.1, seen as a record at the root: CLASS holds the size of the sender's
// buffer, TTL holds the upper rcode bits, the version and the flags.
export const OPT_UDP_SIZE = RECORD_CLASS;
export const OPT_EXTENDED_RCODE = RECORD_TTL;
export const OPT_VERSION = RECORD_TTL + 1;
export const OPT_FLAGS = RECORD_TTL + 2;
/** Root owner and fixed part: an OPT without options. */
export const OPT_BYTES = 1 + RECORD_FIXED_BYTES;
export const OPT_FLAG_DO = 0x8000;
/** OPTION-CODE and OPTION-LENGTH. */
export const OPTION_HEADER_BYTES = 4;

/** Every client can take this much by UDP, RFC 1035 §2.3.4 and RFC 6891 §6.2.5. */
export const UDP_BYTES_MIN = 512;
/** What our OPT says: no fragments on any usual path, RFC 9715 §3. */
export const UDP_BYTES_OWN = 1232;
export const MESSAGE_BYTES_MAX = 65_535;

/** TTLs are numbers of 31 bits, RFC 2181 §8. */
export const TTL_SEC_MAX = 0x7fff_ffff;

export const OPCODE_QUERY = 0;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;
export const RCODE_NOTIMP = 4;
export const RCODE_REFUSED = 5;
/** The header holds four bits; a greater rcode needs an OPT, RFC 6891 §6.1.3. */
export const RCODE_HEADER_BITS = 4;
export const RCODE_HEADER_MAX = 15;
export const RCODE_BADVERS = 16;

export const CLASS_IN = 1;
export const CLASS_CH = 3;
export const CLASS_HS = 4;
export const CLASS_NONE = 254;
export const CLASS_ANY = 255;

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_MD = 3;
export const TYPE_MF = 4;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_MB = 7;
export const TYPE_MG = 8;
export const TYPE_MR = 9;
export const TYPE_PTR = 12;
export const TYPE_HINFO = 13;
export const TYPE_MINFO = 14;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_RP = 17;
export const TYPE_AFSDB = 18;
export const TYPE_RT = 21;
export const TYPE_SIG = 24;
export const TYPE_PX = 26;
export const TYPE_AAAA = 28;
export const TYPE_NXT = 30;
export const TYPE_SRV = 33;
export const TYPE_NAPTR = 35;
export const TYPE_KX = 36;
export const TYPE_DNAME = 39;
export const TYPE_OPT = 41;
export const TYPE_RRSIG = 46;
export const TYPE_NSEC = 47;
export const TYPE_TKEY = 249;
export const TYPE_TSIG = 250;
export const TYPE_IXFR = 251;
export const TYPE_AXFR = 252;
export const TYPE_ANY = 255;

export const OPTION_EDE = 15;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE_A, "A"],
  [TYPE_NS, "NS"],
  [TYPE_MD, "MD"],
  [TYPE_MF, "MF"],
  [TYPE_CNAME, "CNAME"],
  [TYPE_SOA, "SOA"],
  [TYPE_MB, "MB"],
  [TYPE_MG, "MG"],
  [TYPE_MR, "MR"],
  [10, "NULL"],
  [11, "WKS"],
  [TYPE_PTR, "PTR"],
  [TYPE_HINFO, "HINFO"],
  [TYPE_MINFO, "MINFO"],
  [TYPE_MX, "MX"],
  [TYPE_TXT, "TXT"],
  [TYPE_RP, "RP"],
  [TYPE_AFSDB, "AFSDB"],
  [19, "X25"],
  [20, "ISDN"],
  [TYPE_RT, "RT"],
  [TYPE_SIG, "SIG"],
  [25, "KEY"],
  [TYPE_PX, "PX"],
  [27, "GPOS"],
  [TYPE_AAAA, "AAAA"],
  [29, "LOC"],
  [TYPE_NXT, "NXT"],
  [TYPE_SRV, "SRV"],
  [TYPE_NAPTR, "NAPTR"],
  [TYPE_KX, "KX"],
  [37, "CERT"],
  [TYPE_DNAME, "DNAME"],
  [TYPE_OPT, "OPT"],
  [42, "APL"],
  [43, "DS"],
  [44, "SSHFP"],
  [45, "IPSECKEY"],
  [TYPE_RRSIG, "RRSIG"],
  [TYPE_NSEC, "NSEC"],
  [48, "DNSKEY"],
  [49, "DHCID"],
  [50, "NSEC3"],
  [51, "NSEC3PARAM"],
  [52, "TLSA"],
  [53, "SMIMEA"],
  [55, "HIP"],
  [59, "CDS"],
  [60, "CDNSKEY"],
  [61, "OPENPGPKEY"],
  [62, "CSYNC"],
  [63, "ZONEMD"],
  [64, "SVCB"],
  [65, "HTTPS"],
  [99, "SPF"],
  [108, "EUI48"],
  [109, "EUI64"],
  [TYPE_TKEY, "TKEY"],
  [TYPE_TSIG, "TSIG"],
  [TYPE_IXFR, "IXFR"],
  [TYPE_AXFR, "AXFR"],
  [253, "MAILB"],
  [254, "MAILA"],
  [TYPE_ANY, "ANY"],
  [256, "URI"],
  [257, "CAA"],
]);

const CLASS_NAMES: ReadonlyMap<number, string> = new Map([
  [CLASS_IN, "IN"],
  [CLASS_CH, "CH"],
  [CLASS_HS, "HS"],
  [CLASS_NONE, "NONE"],
  [CLASS_ANY, "ANY"],
]);

const RCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [RCODE_NOERROR, "NOERROR"],
  [RCODE_FORMERR, "FORMERR"],
  [RCODE_SERVFAIL, "SERVFAIL"],
  [RCODE_NXDOMAIN, "NXDOMAIN"],
  [RCODE_NOTIMP, "NOTIMP"],
  [RCODE_REFUSED, "REFUSED"],
  [6, "YXDOMAIN"],
  [7, "YXRRSET"],
  [8, "NXRRSET"],
  [9, "NOTAUTH"],
  [10, "NOTZONE"],
  [11, "DSOTYPENI"],
  [RCODE_BADVERS, "BADVERS"],
  [17, "BADKEY"],
  [18, "BADTIME"],
  [19, "BADMODE"],
  [20, "BADNAME"],
  [21, "BADALG"],
  [22, "BADTRUNC"],
  [23, "BADCOOKIE"],
]);

const OPCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [OPCODE_QUERY, "QUERY"],
  [1, "IQUERY"],
  [2, "STATUS"],
  [4, "NOTIFY"],
  [5, "UPDATE"],
  [6, "DSO"],
]);

// Extended errors (RFC 8914 §4) that we say.
export const EDE_STALE_ANSWER = 3;
export const EDE_CACHED_ERROR = 13;
export const EDE_STALE_NXDOMAIN = 19;
export const EDE_NO_REACHABLE_AUTHORITY = 22;
export const EDE_NETWORK_ERROR = 23;
/** No extended error: 0 is "other", which says nothing. */
export const NO_EDE = 0;

const OPTION_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "LLQ"],
  [3, "NSID"],
  [5, "DAU"],
  [6, "DHU"],
  [7, "N3U"],
  [8, "CLIENT-SUBNET"],
  [9, "EXPIRE"],
  [10, "COOKIE"],
  [11, "TCP-KEEPALIVE"],
  [12, "PADDING"],
  [13, "CHAIN"],
  [14, "KEY-TAG"],
  [OPTION_EDE, "EDE"],
  [18, "REPORT-CHANNEL"],
  [19, "ZONEVERSION"],
]);

const TYPE_CODES: ReadonlyMap<string, number> = reversed(TYPE_NAMES);
const CLASS_CODES: ReadonlyMap<string, number> = reversed(CLASS_NAMES);

/** The name of a type, `TYPE666` for one without (RFC 3597 §5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? "TYPE" + type;
}

/** The code of a type by name, in any case, or written `TYPE666`; undefined if it is none. */
export function typeCode(name: string): number | undefined {
  return codeOf(name, TYPE_CODES, "TYPE");
}

/** The name of a class, `CLASS32` for one without (RFC 3597 §5). */
export function className(dnsClass: number): string {
  return CLASS_NAMES.get(dnsClass) ?? "CLASS" + dnsClass;
}

/** The code of a class by name, in any case, or written `CLASS32`; undefined if it is none. */
export function classCode(name: string): number | undefined {
  return codeOf(name, CLASS_CODES, "CLASS");
}

/** The name of an rcode, extended ones included; `RCODE3000` for one without. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? "RCODE" + rcode;
}

/** The name of an opcode; `OPCODE15` for one without. */
export function opcodeName(opcode: number): string {
  return OPCODE_NAMES.get(opcode) ?? "OPCODE" + opcode;
}

/** The name of an EDNS option; `OPTION100` for one without. */
export function optionName(option: number): string {
  return OPTION_NAMES.get(option) ?? "OPTION" + option;
}

function codeOf(
  name: string,
  codes: ReadonlyMap<string, number>,
  prefix: string,
): number | undefined {
  const upper = name.toUpperCase();
  const code = codes.get(upper);
  if (code !== undefined) return code;
  const digits = upper.slice(prefix.length);
  if (!upper.startsWith(prefix) || !/^[0-9]{1,5}$/.test(digits)) return undefined;
  return Number(digits) <= 0xffff ? Number(digits) : undefined;
}

function reversed(names: ReadonlyMap<number, string>): Map<string, number> {
  const codes = new Map<string, number>();
  for (const [code, name] of names) codes.set(name, code);
  return codes;
}
