// Stops one thread of another process, as if a system call of it did not return: freeze_thread TID.
// Prints a line once it stands still, and keeps it so until its own standard input ends.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int argc, char **argv) {
  pid_t thread = argc == 2 ? atoi(argv[1]) : 0;
  int status;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0 ||
      waitpid(thread, &status, __WALL) != thread) {
    perror("freeze_thread");
    return 1;
  }
  puts("frozen");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
