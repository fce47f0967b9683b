/*
 * A channel is one UDP socket or one TCP connection with its outstanding queries. The query id is a
 * counter; its low bits are the place in the table of outstanding queries.
 */
#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <math.h>
#include <unistd.h>

#include "common.h"
#include "histogram.h"
#include "names.h"

#define MESSAGE_BYTES_MAX 320
#define SLOT_TRIES_MAX 64

struct slot {
  uint64_t start_ns; /* closed loop: when sent; open loop: when it should have been sent */
  uint32_t number;
  uint16_t id;
  uint8_t busy;
};

struct channel {
  int fd;
  uint16_t next_id;
  uint32_t slot_mask, outstanding, window;
  struct slot *slots;
  uint8_t *received, *unsent; /* TCP only */
  unsigned received_length, unsent_length;
  int wants_write;
};

struct statistics {
  uint64_t sent, received, lost, aborted, skipped, reconnects, refused;
  uint64_t unexpected, truncated, wrong_rcode, wrong_question, wrong_count, wrong_address;
  uint64_t rcodes[16];
  struct histogram latency, lag;
};

struct load {
  /* options */
  const char *host, *pattern;
  int port, tcp, poisson, spin, expect_rcode, expect_answers, check_address, watch_pid;
  unsigned channel_count, window, type, edns_bytes;
  double rate_per_sec, seconds, warm_seconds, zipf_exponent;
  uint64_t count_limit, timeout_ns, seed;
  /* state */
  struct names names;
  struct channel *channels;
  struct statistics now;
  uint64_t sent_total, outstanding, schedule_ns, schedule_start_ns, scheduled;
  uint64_t schedule_random;
  int epoll, sending;
};

static struct load load;

static inline int may_send(void) {
  return load.sending && (load.count_limit == 0 || load.sent_total < load.count_limit);
}

static inline void forget_slot(struct channel *channel, struct slot *slot) {
  slot->busy = 0;
  channel->outstanding--;
  load.outstanding--;
}

/* Takes a slot and writes the query; returns its length, or 0 when the table is full. */
static unsigned begin_query(struct channel *channel, uint64_t start_ns, uint8_t *target) {
  struct slot *slot = NULL;
  uint16_t id = 0;
  for (unsigned tries = 0;; tries++) {
    if (tries == SLOT_TRIES_MAX) return 0;
    id = channel->next_id++;
    slot = &channel->slots[id & channel->slot_mask];
    if (!slot->busy) break;
  }
  slot->busy = 1;
  slot->id = id;
  slot->start_ns = start_ns;
  slot->number = names_next(&load.names);
  channel->outstanding++;
  load.outstanding++;
  load.sent_total++;
  load.now.sent++;

  static const uint8_t flags_and_counts[10] = {0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0};
  put16(target, id);
  memcpy(target + 2, flags_and_counts, sizeof flags_and_counts);
  memcpy(target + 12, names_question(&load.names, slot->number), load.names.question_length);
  unsigned length = 12 + load.names.question_length;
  if (load.edns_bytes) {
    target[11] = 1;
    memset(target + length, 0, 11);
    target[length + 2] = 41;
    put16(target + length + 3, load.edns_bytes);
    length += 11;
  }
  return length;
}

static void check_reply(const struct slot *slot, const uint8_t *bytes, unsigned length) {
  struct statistics *now = &load.now;
  int rcode = bytes[3] & 15;
  now->rcodes[rcode]++;
  if (bytes[2] & 0x02) now->truncated++;
  if (load.expect_rcode >= 0 && rcode != load.expect_rcode) now->wrong_rcode++;
  if (load.expect_answers >= 0 && get16(bytes + 6) != (unsigned)load.expect_answers)
    now->wrong_count++;
  unsigned question_length = load.names.question_length;
  const uint8_t *question = names_question(&load.names, slot->number);
  if (length < 12 + question_length || memcmp(bytes + 12, question, question_length) != 0) {
    now->wrong_question++;
    return;
  }
  if (!load.check_address) return;
  /* One A record whose owner points to the question; the address is 10. and the number. */
  const uint8_t *record = bytes + 12 + question_length;
  uint8_t address[4] = {10, (uint8_t)(slot->number >> 16), (uint8_t)(slot->number >> 8),
                        (uint8_t)slot->number};
  if (length < 12 + question_length + 16 || get16(record) != 0xc00c ||
      memcmp(record + 12, address, 4) != 0)
    now->wrong_address++;
}

static void take_reply(struct channel *channel, const uint8_t *bytes, unsigned length,
                       uint64_t at_ns) {
  if (length < 12 || !(bytes[2] & 0x80)) {
    load.now.unexpected++;
    return;
  }
  unsigned id = get16(bytes);
  struct slot *slot = &channel->slots[id & channel->slot_mask];
  if (!slot->busy || slot->id != id) {
    load.now.unexpected++;
    return;
  }
  forget_slot(channel, slot);
  load.now.received++;
  histogram_record(&load.now.latency, at_ns > slot->start_ns ? at_ns - slot->start_ns : 0);
  check_reply(slot, bytes, length);
}

static void expire_slots(struct channel *channel, uint64_t at_ns) {
  if (channel->outstanding == 0) return;
  for (uint32_t i = 0; i <= channel->slot_mask; i++) {
    struct slot *slot = &channel->slots[i];
    if (!slot->busy || slot->start_ns + load.timeout_ns > at_ns) continue;
    forget_slot(channel, slot);
    load.now.lost++;
  }
}

/* Absolute schedule: a late send does not move the ones after it (no coordinated omission). */
static void schedule_next(void) {
  load.scheduled++;
  if (load.poisson)
    load.schedule_ns +=
        (uint64_t)(-log(random_unit(&load.schedule_random)) * 1e9 / load.rate_per_sec);
  else
    load.schedule_ns =
        load.schedule_start_ns + (uint64_t)((double)load.scheduled * 1e9 / load.rate_per_sec);
}

static void allocate_slots(struct channel *channel) {
  double wanted = load.rate_per_sec > 0
                      ? 2 * load.rate_per_sec * (double)load.timeout_ns / 1e9 / load.channel_count
                      : 4.0 * channel->window;
  uint32_t size = 256;
  while (size < wanted && size < 65536) size *= 2;
  channel->slots = calloc(size, sizeof *channel->slots);
  if (!channel->slots) fatal("Cannot allocate the table of outstanding queries");
  channel->slot_mask = size - 1;
  channel->next_id = (uint16_t)random_next(&load.names.random);
}

#endif
