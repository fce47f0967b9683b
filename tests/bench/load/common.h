/* Small things that every program in this folder needs: clock, fatal exit, addresses, options. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NS_PER_SEC 1000000000ull

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * NS_PER_SEC + (uint64_t)time.tv_nsec;
}

static void fatal(const char *format, ...) {
  int saved = errno;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  if (saved) fprintf(stderr, ": %s", strerror(saved));
  fputc('\n', stderr);
  exit(1);
}

static inline struct sockaddr_in address_of(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  errno = 0;
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
    fatal("Cannot read address \"%s\": an IPv4 address is wanted", host);
  return address;
}

static inline void put16(uint8_t *target, unsigned value) {
  target[0] = (uint8_t)(value >> 8);
  target[1] = (uint8_t)value;
}

static inline unsigned get16(const uint8_t *source) { return (unsigned)source[0] << 8 | source[1]; }

static inline void put32(uint8_t *target, uint32_t value) {
  put16(target, value >> 16);
  put16(target + 2, value & 0xffff);
}

#endif
