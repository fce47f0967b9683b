// Stops one thread of another process, as if a system call of it did not return: freeze_thread TID.
// Prints a line once it stands still, and keeps it so until one of the two ends. While it is traced a
// dead thread has to be waited for here: its process would be a zombie until then.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int argc, char **argv) {
  pid_t thread = argc == 2 ? atoi(argv[1]) : 0;
  int status;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0 ||
      waitpid(thread, &status, __WALL) != thread) {
    perror("freeze_thread");
    return 1;
  }
  puts("frozen");
  fflush(stdout);
  while (waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status)) {
  }
  return 0;
}
