/*
 * Reads what a process has used, from the load generator itself, so that the figures cover exactly
 * the measured window: no process start, no warm-up and no drain in them.
 *
 * Total: the process's CPU clock (clock_getcpuclockid(3)), nanoseconds over all threads, ended ones
 * too, brought up to date at the moment of reading; /proc/PID/task/T/schedstat is the same sum but
 * up to a tick old for a thread that runs. Split: utime and stime of /proc/PID/stat; the kernel
 * samples them by tick and scales their sum to the same clock, so the split is good to about a
 * percent in a run of seconds. Waiting: time for which threads could have run but something else
 * had their core (second field of schedstat): it tells a disturbed run from a quiet one.
 */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include <dirent.h>
#include <unistd.h>

#include "common.h"

struct usage {
  uint64_t cpu_ns, wait_ns, user_ticks, system_ticks, steal_ticks, at_ns;
};

static int read_text(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  size_t length = fread(text, 1, size - 1, file);
  fclose(file);
  text[length] = 0;
  return length > 0;
}

static uint64_t wait_ns_of(int pid) {
  char path[320], text[128];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (!tasks) fatal("Cannot read %s", path);
  unsigned long long sum = 0, wait;
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
    if (read_text(path, text, sizeof text) && sscanf(text, "%*u %llu", &wait) == 1) sum += wait;
  }
  closedir(tasks);
  return sum;
}

static struct usage usage_of(int pid) {
  struct usage usage = {.at_ns = now_ns()};
  char path[64], text[4096];
  clockid_t clock;
  struct timespec used;
  if ((errno = clock_getcpuclockid(pid, &clock)) || clock_gettime(clock, &used))
    fatal("Cannot read the CPU clock of process %d", pid);
  usage.cpu_ns = (uint64_t)used.tv_sec * NS_PER_SEC + (uint64_t)used.tv_nsec;
  usage.wait_ns = wait_ns_of(pid);
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  /* The second field is the command in brackets and may hold anything: count from its end. */
  char *rest = read_text(path, text, sizeof text) ? strrchr(text, ')') : NULL;
  unsigned long long user = 0, system = 0;
  if (rest)
    sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
  usage.user_ticks = user;
  usage.system_ticks = system;
  unsigned long long steal = 0;
  if (read_text("/proc/stat", text, sizeof text))
    sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal);
  usage.steal_ticks = steal;
  return usage;
}

#endif
