/* Takes so many bytes of memory and keeps them.
 *
 *     memory_hog BYTES
 *
 * The memory is touched from here: where the kernel writes to it, for `read`, it returns less
 * instead of killing anybody.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAGE_BYTES 4096

int main(int count, char **words) {
    size_t size = count > 1 ? strtoull(words[1], NULL, 10) : 0;
    volatile char *memory = malloc(size);
    if (memory == NULL) {
        perror("memory_hog");
        return 1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t at = 0; at < size; at += PAGE_BYTES) memory[at] = 1;
    for (;;) pause();
}
