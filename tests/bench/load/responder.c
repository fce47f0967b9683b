/*
 * responder: two servers that are not caches.
 *
 *   --bare      the limit of the socket path: recvmmsg and sendmmsg in batches of 64, no lookup;
 *               the query comes back as a reply with one A record. UDP only.
 *   --upstream  the authoritative end for misses: answers names under bench.zz by pattern over UDP
 *               and TCP (pipelined), after an optional constant delay.
 *
 * Prints "ready" once its sockets are bound. Ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "answer.h"
#include "common.h"

#define BATCH 64
#define QUERY_BYTES 4096
#define CONNECTIONS_MAX 4096
#define DELAYED_MAX 65536

struct connection {
  int fd; /* 0: free */
  uint32_t generation;
  unsigned received_length, unsent_length;
  uint8_t received[2 * QUERY_BYTES], unsent[65536];
};

struct delayed {
  uint64_t due_ns;
  struct sockaddr_in address;
  int connection; /* -1: UDP */
  uint32_t generation;
  unsigned length;
  uint8_t *bytes;
};

static struct answer_options answers = {.ttl_sec = 3600, .txt_bytes = 32};
static uint64_t delay_ns;
static int udp_fd, tcp_fd, epoll_fd;
static struct connection *connections[CONNECTIONS_MAX];
static struct delayed *delayed;
static uint64_t delayed_head, delayed_tail;

static uint8_t inputs[BATCH][QUERY_BYTES], outputs[BATCH][ANSWER_BYTES_MAX + 2];
static struct sockaddr_in addresses[BATCH];
static struct iovec input_parts[BATCH], output_parts[BATCH];
static struct mmsghdr input_headers[BATCH], output_headers[BATCH];

static void prepare_batch(void) {
  for (int i = 0; i < BATCH; i++) {
    input_parts[i] = (struct iovec){inputs[i], QUERY_BYTES};
    input_headers[i].msg_hdr = (struct msghdr){.msg_name = &addresses[i],
                                               .msg_namelen = sizeof addresses[i],
                                               .msg_iov = &input_parts[i],
                                               .msg_iovlen = 1};
    output_headers[i].msg_hdr = (struct msghdr){.msg_iov = &output_parts[i], .msg_iovlen = 1};
  }
}

static void send_batch(unsigned count) {
  for (unsigned done = 0; done < count;) {
    int sent = sendmmsg(udp_fd, output_headers + done, count - done, 0);
    done += sent > 0 ? (unsigned)sent : 1; /* one that cannot be sent is dropped */
  }
}

static void run_bare(void) {
  static const uint8_t record[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1};
  for (;;) {
    int count = recvmmsg(udp_fd, input_headers, BATCH, MSG_WAITFORONE, NULL);
    unsigned ready = 0;
    for (int i = 0; i < count; i++) {
      uint8_t *message = inputs[i];
      unsigned length = input_headers[i].msg_len;
      if (length < 17 || length > 1200 || (message[2] & 0x80)) continue;
      message[2] |= 0x80;
      message[3] = 0x80;
      message[7] = 1;
      if (message[11]) { /* an OPT: cut it off, it would stand before our record */
        length = question_end(message, length);
        if (length == 0) continue;
        message[11] = 0;
      }
      memcpy(message + length, record, sizeof record);
      output_parts[ready] = (struct iovec){message, length + sizeof record};
      output_headers[ready].msg_hdr.msg_name = &addresses[i];
      output_headers[ready].msg_hdr.msg_namelen = sizeof addresses[i];
      ready++;
    }
    send_batch(ready);
  }
}

static void close_connection(int index) {
  close(connections[index]->fd);
  connections[index]->fd = 0;
  connections[index]->generation++;
}

static void flush_connection(int index) {
  struct connection *connection = connections[index];
  while (connection->unsent_length > 0) {
    ssize_t sent = send(connection->fd, connection->unsent, connection->unsent_length,
                        MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent <= 0) {
      close_connection(index);
      return;
    }
    connection->unsent_length -= (unsigned)sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_length);
  }
  struct epoll_event event = {.events = EPOLLIN | (connection->unsent_length ? EPOLLOUT : 0),
                              .data.u32 = 2 + (uint32_t)index};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/* A client that does not read loses its connection rather than our memory. */
static int append_answer(int index, const uint8_t *bytes, unsigned length) {
  struct connection *connection = connections[index];
  if (connection->unsent_length + 2 + length > sizeof connection->unsent) flush_connection(index);
  if (connection->fd == 0) return 0;
  if (connection->unsent_length + 2 + length > sizeof connection->unsent) {
    close_connection(index);
    return 0;
  }
  put16(connection->unsent + connection->unsent_length, length);
  memcpy(connection->unsent + connection->unsent_length + 2, bytes, length);
  connection->unsent_length += 2 + length;
  return 1;
}

static void delay_answer(int connection, const struct sockaddr_in *address, const uint8_t *bytes,
                         unsigned length) {
  if (delayed_head - delayed_tail == DELAYED_MAX) return;
  struct delayed *place = &delayed[delayed_head++ % DELAYED_MAX];
  place->due_ns = now_ns() + delay_ns;
  place->connection = connection;
  place->generation = connection >= 0 ? connections[connection]->generation : 0;
  if (address) place->address = *address;
  place->length = length;
  place->bytes = malloc(length);
  if (!place->bytes) fatal("Cannot allocate a delayed answer");
  memcpy(place->bytes, bytes, length);
}

/* The delay is the same for all, so the queue is in order of time. */
static void send_delayed(void) {
  uint64_t at_ns = now_ns();
  while (delayed_tail != delayed_head) {
    struct delayed *place = &delayed[delayed_tail % DELAYED_MAX];
    if (place->due_ns > at_ns) return;
    delayed_tail++;
    if (place->connection < 0) {
      sendto(udp_fd, place->bytes, place->length, 0, (struct sockaddr *)&place->address,
             sizeof place->address);
    } else if (connections[place->connection]->fd &&
               connections[place->connection]->generation == place->generation) {
      if (append_answer(place->connection, place->bytes, place->length))
        flush_connection(place->connection);
    }
    free(place->bytes);
  }
}

static void serve_udp(void) {
  for (;;) {
    int count = recvmmsg(udp_fd, input_headers, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0) return;
    unsigned ready = 0;
    for (int i = 0; i < count; i++) {
      unsigned length = write_pattern_answer(inputs[i], input_headers[i].msg_len, outputs[ready],
                                             0, &answers);
      if (length == 0) continue;
      if (delay_ns) {
        delay_answer(-1, &addresses[i], outputs[ready], length);
        continue;
      }
      output_parts[ready] = (struct iovec){outputs[ready], length};
      output_headers[ready].msg_hdr.msg_name = &addresses[i];
      output_headers[ready].msg_hdr.msg_namelen = sizeof addresses[i];
      ready++;
    }
    send_batch(ready);
    if (count < BATCH) return;
  }
}

static void serve_connection(int index) {
  struct connection *connection = connections[index];
  if (connection->fd == 0) return;
  ssize_t length = recv(connection->fd, connection->received + connection->received_length,
                        sizeof connection->received - connection->received_length, 0);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    close_connection(index);
    return;
  }
  connection->received_length += (unsigned)length;
  unsigned at = 0;
  while (connection->received_length - at >= 2) {
    unsigned message = get16(connection->received + at);
    if (message > QUERY_BYTES) {
      close_connection(index);
      return;
    }
    if (connection->received_length - at < 2 + message) break;
    unsigned answer = write_pattern_answer(connection->received + at + 2, message, outputs[0], 1,
                                           &answers);
    at += 2 + message;
    if (answer == 0) continue;
    if (delay_ns)
      delay_answer(index, NULL, outputs[0], answer);
    else if (!append_answer(index, outputs[0], answer))
      return;
  }
  connection->received_length -= at;
  memmove(connection->received, connection->received + at, connection->received_length);
  flush_connection(index);
}

static void accept_connection(void) {
  int fd = accept4(tcp_fd, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  for (int i = 0; i < CONNECTIONS_MAX; i++) {
    if (!connections[i]) connections[i] = calloc(1, sizeof *connections[i]);
    if (!connections[i]) fatal("Cannot allocate a connection");
    if (connections[i]->fd) continue;
    connections[i]->fd = fd;
    connections[i]->received_length = connections[i]->unsent_length = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 2 + (uint32_t)i};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    return;
  }
  close(fd);
}

static void run_upstream(void) {
  for (;;) {
    struct epoll_event events[BATCH];
    struct timespec timeout = {0, 0}, *wait = NULL;
    if (delayed_tail != delayed_head) {
      uint64_t at_ns = now_ns(), due_ns = delayed[delayed_tail % DELAYED_MAX].due_ns;
      uint64_t wait_ns = due_ns > at_ns ? due_ns - at_ns : 0;
      timeout = (struct timespec){(time_t)(wait_ns / NS_PER_SEC), (long)(wait_ns % NS_PER_SEC)};
      wait = &timeout;
    }
    int count = epoll_pwait2(epoll_fd, events, BATCH, wait, NULL);
    for (int i = 0; i < count; i++) {
      uint32_t who = events[i].data.u32;
      if (who == 0) {
        serve_udp();
      } else if (who == 1) {
        accept_connection();
      } else {
        if (events[i].events & EPOLLOUT) flush_connection((int)who - 2);
        if (events[i].events & ~(uint32_t)EPOLLOUT) serve_connection((int)who - 2);
      }
    }
    if (delay_ns) send_delayed();
  }
}

static int bound_socket(int type, const char *host, int port) {
  struct sockaddr_in address = address_of(host, port);
  int one = 1, bytes = 4 << 20;
  int fd = socket(AF_INET, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (type != SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
    fatal("Cannot bind %s:%d", host, port);
  return fd;
}

int main(int count, char **values) {
  static const struct option options[] = {
      {"bare", 0, 0, 'b'}, {"upstream", 0, 0, 'u'}, {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'},
      {"ttl", 1, 0, 't'}, {"delay-ms", 1, 0, 'd'}, {"txt-bytes", 1, 0, 'x'}, {0, 0, 0, 0}};
  const char *host = "127.0.0.1";
  int port = 53, bare = 0;
  for (int option; (option = getopt_long(count, values, "", options, NULL)) != -1;) {
    switch (option) {
      case 'b': bare = 1; break;
      case 'u': bare = 0; break;
      case 'h': host = optarg; break;
      case 'p': port = atoi(optarg); break;
      case 't': answers.ttl_sec = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 'd': delay_ns = (uint64_t)(atof(optarg) * 1e6); break;
      case 'x': answers.txt_bytes = (unsigned)atoi(optarg); break;
      default: return 2;
    }
  }
  errno = 0;
  if (answers.txt_bytes > 3000) fatal("--txt-bytes must be at most 3000");
  prepare_batch();
  udp_fd = bound_socket(SOCK_DGRAM, host, port);
  if (!bare) {
    tcp_fd = bound_socket(SOCK_STREAM | SOCK_NONBLOCK, host, port);
    epoll_fd = epoll_create1(0);
    delayed = calloc(DELAYED_MAX, sizeof *delayed);
    if (listen(tcp_fd, 1024) < 0 || !delayed) fatal("Cannot listen on %s:%d", host, port);
    struct epoll_event udp = {.events = EPOLLIN, .data.u32 = 0};
    struct epoll_event tcp = {.events = EPOLLIN, .data.u32 = 1};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, udp_fd, &udp);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, tcp_fd, &tcp);
  }
  puts("ready");
  fflush(stdout);
  if (bare)
    run_bare();
  else
    run_upstream();
}
