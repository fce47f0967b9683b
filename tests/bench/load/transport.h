/*
 * UDP in batches of recvmmsg and sendmmsg; TCP with many queries per write. Both: open a channel,
 * send what may be sent, take what has come.
 */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>

#include "channel.h"

#define BATCH 64
/* A closed loop stamps a batch before it sends it: a smaller one keeps the stamp honest. */
#define BATCH_CLOSED 16
#define UDP_REPLY_BYTES 4096
#define STREAM_BYTES (65536 + 2)

static uint8_t udp_received[BATCH][UDP_REPLY_BYTES];
static uint8_t udp_unsent[BATCH][MESSAGE_BYTES_MAX];
static struct mmsghdr udp_received_headers[BATCH], udp_unsent_headers[BATCH];
static struct iovec udp_received_parts[BATCH], udp_unsent_parts[BATCH];

static void udp_prepare(void) {
  for (int i = 0; i < BATCH; i++) {
    udp_received_parts[i] = (struct iovec){udp_received[i], UDP_REPLY_BYTES};
    udp_unsent_parts[i] = (struct iovec){udp_unsent[i], 0};
    udp_received_headers[i].msg_hdr.msg_iov = &udp_received_parts[i];
    udp_received_headers[i].msg_hdr.msg_iovlen = 1;
    udp_unsent_headers[i].msg_hdr.msg_iov = &udp_unsent_parts[i];
    udp_unsent_headers[i].msg_hdr.msg_iovlen = 1;
  }
}

static void channel_open(struct channel *channel) {
  struct sockaddr_in address = address_of(load.host, load.port);
  channel->fd = socket(AF_INET, load.tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (channel->fd < 0) fatal("Cannot open a socket");
  if (load.tcp) {
    int one = 1;
    setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!channel->received) channel->received = malloc(STREAM_BYTES);
    if (!channel->unsent) channel->unsent = malloc(STREAM_BYTES);
    channel->received_length = channel->unsent_length = 0;
    channel->wants_write = 0;
  } else {
    /* Room for a full burst of answers: what is lost must be the server's loss. */
    int bytes = 4 << 20;
    setsockopt(channel->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  if (connect(channel->fd, (struct sockaddr *)&address, sizeof address) < 0)
    fatal("Cannot connect to %s:%d", load.host, load.port);
  fcntl(channel->fd, F_SETFL, fcntl(channel->fd, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = channel};
  if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, channel->fd, &event) < 0) fatal("Cannot use epoll");
}

static void udp_flush(struct channel *channel, unsigned count) {
  for (unsigned done = 0; done < count;) {
    int sent = sendmmsg(channel->fd, udp_unsent_headers + done, count - done, 0);
    if (sent > 0) {
      done += (unsigned)sent;
    } else if (errno == ECONNREFUSED) {
      load.now.refused++; /* the pending error of an earlier datagram; it is cleared now */
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      struct pollfd wait = {channel->fd, POLLOUT, 0};
      poll(&wait, 1, 10);
    } else if (errno != EINTR) {
      fatal("Cannot send");
    }
  }
}

static void udp_top_up(struct channel *channel) {
  unsigned count;
  do {
    uint64_t at_ns = now_ns();
    for (count = 0; count < BATCH_CLOSED && channel->outstanding < channel->window; count++) {
      if (!may_send()) break;
      unsigned length = begin_query(channel, at_ns, udp_unsent[count]);
      if (length == 0) break;
      udp_unsent_parts[count].iov_len = length;
    }
    udp_flush(channel, count);
  } while (count == BATCH_CLOSED);
}

/* Sends what is due, at most one batch; returns how many. */
static unsigned udp_send_due(struct channel *channel, uint64_t at_ns) {
  unsigned count = 0;
  while (count < BATCH && load.schedule_ns <= at_ns && may_send()) {
    unsigned length = begin_query(channel, load.schedule_ns, udp_unsent[count]);
    if (length) {
      udp_unsent_parts[count++].iov_len = length;
      histogram_record(&load.now.lag, at_ns - load.schedule_ns);
    } else {
      load.now.skipped++;
    }
    schedule_next();
  }
  if (count) udp_flush(channel, count);
  return count;
}

static void udp_receive(struct channel *channel) {
  for (;;) {
    int count = recvmmsg(channel->fd, udp_received_headers, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0) {
      if (errno == ECONNREFUSED) load.now.refused++;
      return;
    }
    uint64_t at_ns = now_ns();
    for (int i = 0; i < count; i++)
      take_reply(channel, udp_received[i], udp_received_headers[i].msg_len, at_ns);
    if (load.rate_per_sec == 0) udp_top_up(channel);
    if (count < BATCH) return;
  }
}

static void tcp_watch_write(struct channel *channel, int wanted) {
  if (channel->wants_write == wanted) return;
  channel->wants_write = wanted;
  struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.ptr = channel};
  epoll_ctl(load.epoll, EPOLL_CTL_MOD, channel->fd, &event);
}

static void tcp_top_up(struct channel *channel);

static void tcp_reopen(struct channel *channel) {
  for (uint32_t i = 0; i <= channel->slot_mask; i++) {
    if (!channel->slots[i].busy) continue;
    forget_slot(channel, &channel->slots[i]);
    load.now.aborted++;
  }
  close(channel->fd);
  load.now.reconnects++;
  channel_open(channel);
}

static void tcp_flush(struct channel *channel) {
  if (channel->unsent_length == 0) return;
  ssize_t sent = send(channel->fd, channel->unsent, channel->unsent_length, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    tcp_reopen(channel);
    return;
  }
  if (sent > 0) {
    channel->unsent_length -= (unsigned)sent;
    memmove(channel->unsent, channel->unsent + sent, channel->unsent_length);
  }
  tcp_watch_write(channel, channel->unsent_length > 0);
}

/* Appends one framed query (RFC 1035 §4.2.2); returns 0 when there is no room for it. */
static int tcp_append(struct channel *channel, uint64_t start_ns) {
  if (channel->unsent_length + 2 + MESSAGE_BYTES_MAX > STREAM_BYTES) return 0;
  uint8_t *target = channel->unsent + channel->unsent_length;
  unsigned length = begin_query(channel, start_ns, target + 2);
  if (length == 0) return 0;
  put16(target, length);
  channel->unsent_length += 2 + length;
  return 1;
}

static void tcp_top_up(struct channel *channel) {
  uint64_t at_ns = now_ns();
  while (channel->outstanding < channel->window && may_send())
    if (!tcp_append(channel, at_ns)) break;
  tcp_flush(channel);
}

static unsigned tcp_send_due(struct channel *channel, uint64_t at_ns) {
  unsigned count = 0;
  while (count < BATCH && load.schedule_ns <= at_ns && may_send()) {
    if (tcp_append(channel, load.schedule_ns)) {
      histogram_record(&load.now.lag, at_ns - load.schedule_ns);
      count++;
    } else {
      load.now.skipped++;
    }
    schedule_next();
  }
  tcp_flush(channel);
  return count;
}

static void tcp_receive(struct channel *channel) {
  ssize_t length = recv(channel->fd, channel->received + channel->received_length,
                        STREAM_BYTES - channel->received_length, 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (length <= 0) {
    tcp_reopen(channel);
    if (load.rate_per_sec == 0) tcp_top_up(channel);
    return;
  }
  uint64_t at_ns = now_ns();
  channel->received_length += (unsigned)length;
  unsigned at = 0;
  while (channel->received_length - at >= 2) {
    unsigned message = get16(channel->received + at);
    if (channel->received_length - at < 2 + message) break;
    take_reply(channel, channel->received + at + 2, message, at_ns);
    at += 2 + message;
  }
  channel->received_length -= at;
  memmove(channel->received, channel->received + at, channel->received_length);
  if (load.rate_per_sec == 0) tcp_top_up(channel);
}

#endif
