/*
 * Which name is asked next, and how its question looks on the wire. A name is a pattern with one
 * number in it ("n%07u.bench.zz"), so that a name is four bytes in our tables and an upstream can
 * compute the right answer from it.
 */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <math.h>

#include "common.h"

enum order { ORDER_COUNTER, ORDER_UNIFORM, ORDER_ZIPF };

/* Zipf draws cost a binary search over all names: they are made ahead and then repeated. */
#define ZIPF_DRAWS (1u << 20)

struct names {
  enum order order;
  uint32_t from, count; /* numbers from .. from + count - 1 */
  uint32_t position;    /* counter order and place in `draws` */
  uint64_t random;
  uint32_t *draws;
  uint8_t question[300]; /* wire name, type, class; the digits are patched in */
  unsigned question_length, digits_offset, digits;
};

/* splitmix64: any seed is good, zero too. */
static inline uint64_t random_next(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

static inline double random_unit(uint64_t *state) {
  return (double)((random_next(state) >> 11) + 1) / 9007199254740993.0; /* (0, 1) */
}

static inline uint32_t random_below(uint64_t *state, uint32_t bound) {
  return (uint32_t)(((random_next(state) >> 32) * bound) >> 32);
}

static inline void names_draw_zipf(struct names *names, double exponent) {
  double *cumulative = malloc(sizeof(double) * names->count);
  names->draws = malloc(sizeof(uint32_t) * ZIPF_DRAWS);
  if (!cumulative || !names->draws) fatal("Cannot allocate the Zipf table");
  double sum = 0;
  for (uint32_t i = 0; i < names->count; i++)
    cumulative[i] = sum += pow((double)i + 1, -exponent);
  for (uint32_t i = 0; i < ZIPF_DRAWS; i++) {
    double wanted = random_unit(&names->random) * sum;
    uint32_t low = 0, high = names->count - 1;
    while (low < high) {
      uint32_t middle = low + (high - low) / 2;
      if (cumulative[middle] < wanted)
        low = middle + 1;
      else
        high = middle;
    }
    names->draws[i] = low;
  }
  free(cumulative);
}

static inline uint32_t names_next(struct names *names) {
  if (names->order == ORDER_UNIFORM)
    return names->from + random_below(&names->random, names->count);
  if (names->order == ORDER_ZIPF)
    return names->from + names->draws[names->position++ & (ZIPF_DRAWS - 1)];
  uint32_t number = names->from + names->position;
  if (++names->position == names->count) names->position = 0;
  return number;
}

/* Reads text%0Nutext, writes it in wire form with the digits all '0'. */
static void names_set_pattern(struct names *names, const char *pattern, unsigned type) {
  errno = 0;
  const char *percent = strstr(pattern, "%0");
  if (!percent || percent[2] < '1' || percent[2] > '9' || percent[3] != 'u')
    fatal("Cannot read pattern \"%s\": one %%0Nu with N from 1 to 9 is wanted", pattern);
  names->digits = (unsigned)(percent[2] - '0');
  unsigned length = 0, label = length++;
  for (const char *at = pattern; *at; at++) {
    if (length > 200) fatal("Cannot use pattern \"%s\": it is too long", pattern);
    if (at == percent) {
      names->digits_offset = length;
      memset(names->question + length, '0', names->digits);
      length += names->digits;
      at += 3;
    } else if (*at == '.') {
      names->question[label] = (uint8_t)(length - label - 1);
      label = length++;
    } else {
      names->question[length++] = (uint8_t)*at;
    }
  }
  names->question[label] = (uint8_t)(length - label - 1);
  names->question[length++] = 0;
  put16(names->question + length, type);
  put16(names->question + length + 2, 1);
  names->question_length = length + 4;
}

/* Patches the number into the question; the caller copies or compares it at once. */
static inline const uint8_t *names_question(struct names *names, uint32_t number) {
  uint8_t *digit = names->question + names->digits_offset + names->digits;
  for (unsigned i = 0; i < names->digits; i++, number /= 10)
    *--digit = (uint8_t)('0' + number % 10);
  return names->question;
}

#endif
