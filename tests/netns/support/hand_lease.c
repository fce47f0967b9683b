/* The mechanism of interception by hand, so that the laboratory can be tried without nodens:
 *
 *     hand_lease DEVICE ADDRESS
 *
 * Holds an IPv4 address on a TUN device that goes with this process, and answers A queries for it
 * with 192.0.2.100, from the moment when it writes "ready". Rules are the caller's matter. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_BYTES 512
#define HEADER_BYTES 12

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void run(const char *format, const char *one, const char *other) {
  char command[256];
  snprintf(command, sizeof command, format, one, other);
  if (system(command) != 0) fail(command);
}

/* The descriptor is the lease: whatever ends this process closes it. */
static void open_device(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR);
  if (fd < 0) fail("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
}

static int open_socket(const char *address) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int yes = 1;
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(53)};
  inet_pton(AF_INET, address, &local.sin_addr);
  if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &yes, sizeof yes) < 0) fail("IP_TRANSPARENT");
  if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) fail("bind");
  return fd;
}

/* Turns a query into its answer; returns the length, 0 for what is no query. */
static int answer(unsigned char *bytes, int length) {
  static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 100};
  int end = HEADER_BYTES;
  while (end < length && bytes[end] != 0) end += 1 + bytes[end];
  end += 5;
  if (end > length || end + (int)sizeof record > MESSAGE_BYTES) return 0;
  bytes[2] |= 0x80;
  bytes[7] = 1;
  memset(bytes + 8, 0, 4);
  memcpy(bytes + end, record, sizeof record);
  return end + sizeof record;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int fd = open_socket(argv[2]);
  open_device(argv[1]);
  run("ip link set %s up%s", argv[1], "");
  run("ip addr add %s/32 dev %s scope host", argv[2], argv[1]);
  /* With the node's own address as source a host's socket outlives us (it is eth0's). */
  run("ip route replace local %s dev %s table local src 10.3.0.1", argv[2], argv[1]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    unsigned char bytes[MESSAGE_BYTES];
    struct sockaddr_in from;
    socklen_t from_length = sizeof from;
    int length = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_length);
    int answer_length = length < 0 ? 0 : answer(bytes, length);
    if (answer_length > 0) {
      sendto(fd, bytes, answer_length, 0, (struct sockaddr *)&from, from_length);
    }
  }
}
