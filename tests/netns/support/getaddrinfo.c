/* Looks names up as programs do, by glibc: A and AAAA together from one socket.
 *
 *     getaddrinfo NAME COUNT THREADS
 *
 * A # in NAME becomes a number from 0 to 49. Prints how long the lookups took, as JSON: the count
 * below each limit in ms, how many took more than 100 ms, how many failed, and the longest. */

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 16
#define NAMES 50
#define LIMITS 7

static const double limits_ms[LIMITS] = {1, 3, 10, 30, 100, 1000, 1e9};

struct figures {
  long count, failed, over_100_ms;
  long below[LIMITS];
  double max_ms;
};

struct worker {
  pthread_t thread;
  const char *name;
  long count;
  struct figures figures;
};

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void write_name(char *out, size_t size, const char *pattern, int number) {
  const char *mark = strchr(pattern, '#');
  if (mark == NULL) snprintf(out, size, "%s", pattern);
  else snprintf(out, size, "%.*s%d%s", (int)(mark - pattern), pattern, number, mark + 1);
}

static void note(struct figures *figures, double took_ms, int is_failure) {
  int index = 0;
  while (took_ms >= limits_ms[index] && index < LIMITS - 1) index++;
  figures->count++;
  figures->failed += is_failure;
  figures->below[index]++;
  figures->over_100_ms += took_ms > 100;
  if (took_ms > figures->max_ms) figures->max_ms = took_ms;
}

static void *look_up(void *argument) {
  struct worker *worker = argument;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  for (long i = 0; i < worker->count; i++) {
    char name[256];
    write_name(name, sizeof name, worker->name, i % NAMES);
    struct addrinfo *found = NULL;
    double begin_ms = now_ms();
    int code = getaddrinfo(name, NULL, &hints, &found);
    note(&worker->figures, now_ms() - begin_ms, code != 0);
    if (code == 0) freeaddrinfo(found);
  }
  return NULL;
}

static void add(struct figures *sum, const struct figures *part) {
  sum->count += part->count;
  sum->failed += part->failed;
  sum->over_100_ms += part->over_100_ms;
  for (int i = 0; i < LIMITS; i++) sum->below[i] += part->below[i];
  if (part->max_ms > sum->max_ms) sum->max_ms = part->max_ms;
}

int main(int argc, char **argv) {
  static struct worker workers[THREADS_MAX];
  int threads = argc == 4 ? atoi(argv[3]) : 0;
  if (threads < 1 || threads > THREADS_MAX) {
    fprintf(stderr, "usage: getaddrinfo NAME COUNT THREADS (1 to %d)\n", THREADS_MAX);
    return 2;
  }
  for (int i = 0; i < threads; i++) {
    workers[i].name = argv[1];
    workers[i].count = atol(argv[2]) / threads;
    pthread_create(&workers[i].thread, NULL, look_up, &workers[i]);
  }
  struct figures sum = {0};
  for (int i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    add(&sum, &workers[i].figures);
  }
  printf("{\"count\":%ld,\"failed\":%ld,\"over100Ms\":%ld,\"msMax\":%.1f,\"below\":{", sum.count,
         sum.failed, sum.over_100_ms, sum.max_ms);
  for (int i = 0; i < LIMITS; i++) {
    printf("%s\"%.0f\":%ld", i == 0 ? "" : ",", limits_ms[i], sum.below[i]);
  }
  printf("}}\n");
  return 0;
}
