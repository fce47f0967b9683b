/*
 * firstanswer: milliseconds from exec of a server to its first right answer.
 *
 *   firstanswer --port N [--cpu N] [--seconds N] -- COMMAND...
 *
 * The child is pinned to --cpu, asked every half millisecond over UDP, and ended by SIGTERM
 * (SIGKILL after two seconds). Prints one JSON line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "names.h"

static void end_child(pid_t pid) {
  kill(pid, SIGTERM);
  for (int i = 0; i < 200; i++) {
    if (waitpid(pid, NULL, WNOHANG) == pid) return;
    usleep(10000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

/* One that has been answered with an error before (an upstream not yet known) is asked again. */
static int is_answer(const uint8_t *reply, ssize_t length) {
  return length > 12 && (reply[2] & 0x80) && (reply[3] & 15) == 0 && get16(reply + 6) > 0;
}

int main(int count, char **values) {
  static const struct option options[] = {{"port", 1, 0, 'p'}, {"cpu", 1, 0, 'c'},
                                          {"seconds", 1, 0, 's'}, {0, 0, 0, 0}};
  int port = 53, cpu = -1;
  double seconds = 10;
  for (int option; (option = getopt_long(count, values, "+", options, NULL)) != -1;) {
    if (option == 'p') port = atoi(optarg);
    else if (option == 'c') cpu = atoi(optarg);
    else if (option == 's') seconds = atof(optarg);
    else return 2;
  }
  errno = 0;
  if (optind >= count) fatal("A command is wanted after --");
  struct names names = {.count = 1, .from = 1};
  names_set_pattern(&names, "n%07u.bench.zz", 1);
  uint8_t query[512] = {0, 1, 1, 0, 0, 1}, reply[4096];
  memcpy(query + 12, names_question(&names, 1), names.question_length);
  size_t query_length = 12 + names.question_length;

  struct sockaddr_in address = address_of("127.0.0.1", port);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fatal("Cannot connect");
  uint64_t begin_ns = now_ns(), found_ns = 0;
  pid_t pid = fork();
  if (pid < 0) fatal("Cannot fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (cpu >= 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpu, &set);
      sched_setaffinity(0, sizeof set, &set);
    }
    int null = open("/dev/null", O_RDWR);
    dup2(null, 1);
    execvp(values[optind], values + optind);
    fatal("Cannot run %s", values[optind]);
  }
  while (now_ns() < begin_ns + (uint64_t)(seconds * 1e9)) {
    if (waitpid(pid, NULL, WNOHANG) == pid) fatal("The server ended before it answered");
    (void)!send(fd, query, query_length, 0); /* refused until the server listens */
    struct pollfd wait = {fd, POLLIN, 0};
    struct timespec half = {0, 500000};
    ppoll(&wait, 1, &half, NULL);
    ssize_t length = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    if (length < 0 || !is_answer(reply, length)) {
      if (length < 0 && errno == ECONNREFUSED) usleep(500);
      continue;
    }
    found_ns = now_ns();
    break;
  }
  end_child(pid);
  errno = 0;
  if (!found_ns) fatal("The server did not answer in %g seconds", seconds);
  printf("{\"firstAnswerMs\":%.3f}\n", (double)(found_ns - begin_ns) / 1e6);
  return 0;
}
