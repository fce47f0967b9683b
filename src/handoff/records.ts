/**
 * What a worker tells the control plane through its ring: the layout of records, host byte order.
 *
 *   0  u8  kind              RECORD_QUERY | RECORD_ERROR | RECORD_HEALTH | RECORD_TEXT |
 *                            RECORD_PANIC
 *   1  u8  transport         0 UDP, 1 TCP
 *   2  u16 view
 *   4  u32 duration          microseconds from question to answer
 *   8  u16 id                12 u16 type      16 u16 query size     20 u16 client's UDP size
 *  10  u16 query flags       14 u16 class     18 u16 answer size    22 u16 answer flags
 *  24  u16 client's port     26 u8  1 with DO 27 u8  log class      28 u8 reason (RECORD_ERROR)
 *  29  u8  address length, 4 or 16            30 u8  name length    31 u8  text length
 *  32  client's address, 16 bytes
 *  48  the address that was asked, 16 bytes, of the same length; all 0 when it is not known
 *  64  question name as the client wrote it, wire form, and then a text: the name of the upstream,
 *      as far as there is one. RECORD_HEALTH: that name alone. RECORD_PANIC: what was thrown, its
 *      length in place of the answer's size. RECORD_TEXT: a line for the log, to the end of the
 *      record
 */

export const RECORD_QUERY = 1;
export const RECORD_ERROR = 2;
export const RECORD_HEALTH = 3;
export const RECORD_TEXT = 4;
export const RECORD_PANIC = 5;

export const RECORD_KIND = 0;
export const RECORD_TRANSPORT = 1;
export const RECORD_VIEW = 2;
export const RECORD_DURATION_US = 4;
export const RECORD_ID = 8;
export const RECORD_QUERY_FLAGS = 10;
export const RECORD_TYPE = 12;
export const RECORD_CLASS = 14;
export const RECORD_QUERY_BYTES = 16;
export const RECORD_ANSWER_BYTES = 18;
export const RECORD_UDP_SIZE = 20;
export const RECORD_ANSWER_FLAGS = 22;
export const RECORD_PORT = 24;
export const RECORD_DNSSEC_OK = 26;
export const RECORD_LOG_CLASS = 27;
export const RECORD_REASON = 28;
export const RECORD_ADDRESS_LENGTH = 29;
export const RECORD_NAME_LENGTH = 30;
export const RECORD_TEXT_LENGTH = 31;
export const RECORD_ADDRESS = 32;
export const RECORD_LOCAL = 48;
export const RECORD_NAME = 64;
/** A thrown error with some lines of where it comes from. */
export const RECORD_PANIC_BYTES_MAX = 1024;
export const RECORD_BYTES_MAX = RECORD_NAME + RECORD_PANIC_BYTES_MAX;

/** Why a question could not be answered. */
export const REASON_TIMEOUT = 1;
export const REASON_UNREACHABLE = 2;
export const REASON_NO_ROUTE = 3;
export const REASON_UPSTREAMS_DOWN = 4;
export const REASON_LOOP = 7;
/** RECORD_HEALTH: what has become of the upstream. */
export const REASON_DOWN = 5;
export const REASON_UP = 6;
export const REASON_REFUSED = 8;
export const REASON_MALFORMED = 9;
