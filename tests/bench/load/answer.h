/*
 * The pattern upstream's answers. It knows the zone bench.zz by heart: the first number in the
 * first label is the answer. "nx…" does not exist, other types than A, AAAA and TXT have no data,
 * and names outside the zone are refused.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <strings.h>

#include "common.h"

#define ANSWER_BYTES_MAX 4096
#define QUESTION_OFFSET 12

struct answer_options {
  uint32_t ttl_sec;
  unsigned txt_bytes;
};

/* Offset after the question, or 0 when it cannot be read. */
static inline unsigned question_end(const uint8_t *message, unsigned length) {
  unsigned at = QUESTION_OFFSET;
  while (at < length && message[at] != 0) {
    if (message[at] > 63) return 0;
    at += message[at] + 1u;
  }
  return at + 5 <= length ? at + 5 : 0;
}

static uint32_t first_number(const uint8_t *label) {
  uint32_t number = 0;
  unsigned i = 1;
  while (i <= label[0] && (label[i] < '0' || label[i] > '9')) i++;
  for (; i <= label[0] && label[i] >= '0' && label[i] <= '9'; i++)
    number = number * 10 + (uint32_t)(label[i] - '0');
  return number;
}

static int is_below_zone(const uint8_t *name, unsigned length) {
  static const char zone[] = "\5bench\2zz"; /* the closing zero is the root label */
  return length >= sizeof zone &&
         strncasecmp((const char *)name + length - sizeof zone, zone, sizeof zone) == 0;
}

static unsigned put_record(uint8_t *target, unsigned owner, unsigned type, uint32_t ttl_sec) {
  put16(target, 0xc000 | owner);
  put16(target + 2, type);
  put16(target + 4, 1);
  put32(target + 6, ttl_sec);
  return 10;
}

static unsigned put_txt(uint8_t *target, uint32_t number, unsigned bytes) {
  unsigned length = 0;
  for (unsigned left = bytes; left > 0;) {
    unsigned part = left > 255 ? 255 : left;
    target[length++] = (uint8_t)part;
    memset(target + length, 'x', part);
    length += part;
    left -= part;
  }
  char digits[12];
  int count = snprintf(digits, sizeof digits, "%07u", number);
  if (bytes >= (unsigned)count && bytes <= 255) memcpy(target + 1, digits, (size_t)count);
  return length;
}

/* SOA with the zone's own name in front: names point to it (RFC 1035 §3.3.13). */
static unsigned put_soa(uint8_t *target, unsigned zone_offset, uint32_t ttl_sec) {
  unsigned length = put_record(target, zone_offset, 6, ttl_sec);
  uint8_t *data = target + length + 2;
  put16(target + length, 24);
  put16(data, 0xc000 | zone_offset);
  put16(data + 2, 0xc000 | zone_offset);
  static const uint32_t numbers[5] = {1, 3600, 600, 86400, 60};
  for (int i = 0; i < 5; i++) put32(data + 4 + 4 * i, numbers[i]);
  return length + 2 + 24;
}

static unsigned put_data(uint8_t *target, unsigned type, uint32_t number,
                         const struct answer_options *options) {
  unsigned at = put_record(target, QUESTION_OFFSET, type, options->ttl_sec);
  uint8_t *data = target + at + 2;
  unsigned length = 0;
  if (type == 1) {
    put32(data, 10u << 24 | (number & 0xffffff));
    length = 4;
  } else if (type == 28) {
    put32(data, 0x20010db8);
    memset(data + 4, 0, 8);
    put32(data + 12, number);
    length = 16;
  } else {
    length = put_txt(data, number, options->txt_bytes);
  }
  put16(target + at, length);
  return at + 2 + length;
}

/* Writes the reply to `query`; returns its length, or 0 for what deserves none. */
static unsigned write_pattern_answer(const uint8_t *query, unsigned query_length, uint8_t *target,
                                     int is_tcp, const struct answer_options *options) {
  if (query_length < QUESTION_OFFSET || (query[2] & 0x80) || get16(query + 4) != 1) return 0;
  unsigned end = question_end(query, query_length);
  if (end == 0) return 0;
  unsigned type = get16(query + end - 4), rcode = 0;
  int has_opt = get16(query + 10) > 0 && query_length >= end + 11 && query[end] == 0 &&
                get16(query + end + 1) == 41;
  unsigned limit = has_opt ? get16(query + end + 3) : 512;
  memcpy(target, query, end);
  memset(target + 6, 0, 6);
  unsigned length = end;
  const uint8_t *name = query + QUESTION_OFFSET;
  if (!is_below_zone(name, end - QUESTION_OFFSET - 4)) {
    rcode = 5;
  } else if (strncasecmp((const char *)name + 1, "nx", 2) == 0 ||
             (type != 1 && type != 28 && type != 16)) {
    rcode = (name[1] | 0x20) == 'n' && (name[2] | 0x20) == 'x' ? 3 : 0;
    length += put_soa(target + length, end - 4 - 10, options->ttl_sec);
    put16(target + 8, 1);
  } else {
    length += put_data(target + length, type, first_number(name), options);
    put16(target + 6, 1);
  }
  target[2] = (uint8_t)(0x80 | (query[2] & 0x79)); /* QR, opcode and RD as asked */
  target[3] = (uint8_t)(0x80 | (query[3] & 0x10) | rcode); /* RA: forwarders want it */
  if (!is_tcp && length + (has_opt ? 11 : 0) > (limit < 512 ? 512 : limit)) {
    length = end;
    memset(target + 6, 0, 4);
    target[2] |= 0x02;
  }
  if (has_opt) {
    memset(target + length, 0, 11);
    target[length + 2] = 41;
    put16(target + length + 3, 1232);
    target[length + 7] = query[end + 7] & 0x80; /* DO */
    put16(target + 10, 1);
    length += 11;
  }
  return length;
}

#endif
