/*
 * Log-linear histogram of nanoseconds: 64 linear steps per power of two, so a quantile is at most
 * 1.6 % too high, from 1 ns to centuries, in 30 kB of which a run touches a few lines.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS)

struct histogram {
  uint64_t buckets[HISTOGRAM_BUCKETS];
  uint64_t total, sum, max;
};

static inline unsigned histogram_bucket(uint64_t value) {
  if (value < HISTOGRAM_STEPS) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
  return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((value >> shift) - HISTOGRAM_STEPS);
}

static inline void histogram_record(struct histogram *histogram, uint64_t value) {
  histogram->buckets[histogram_bucket(value)]++;
  histogram->total++;
  histogram->sum += value;
  if (value > histogram->max) histogram->max = value;
}

/* The largest value of the bucket in which the quantile falls, never above the maximum seen. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double quantile) {
  if (histogram->total == 0) return 0;
  uint64_t wanted = (uint64_t)(quantile * (double)histogram->total);
  if (wanted >= histogram->total) wanted = histogram->total - 1;
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += histogram->buckets[i];
    if (seen <= wanted) continue;
    if (i < HISTOGRAM_STEPS) return i;
    unsigned shift = i / HISTOGRAM_STEPS - 1;
    uint64_t high = (((uint64_t)(i % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << shift) - 1;
    return high < histogram->max ? high : histogram->max;
  }
  return histogram->max;
}

#endif
