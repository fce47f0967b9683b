/**
 * Numbers of the Linux ABI: constants and struct layouts for x86-64 and arm64.
 *
 * Both are little-endian with 64-bit pointers, so all but `epoll_event` is laid out alike; it is
 * packed on x86-64 only (epoll_ctl(2), `EPOLL_PACKED`). `tests/sys` compares every offset here with
 * what a C compiler says.
 */

import process from "node:process";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_RCVBUFFORCE = 33;
export const SO_RXQ_OVFL = 40;
export const IP_PKTINFO = 8;
export const IP_TRANSPARENT = 19;
export const IP_MTU_DISCOVER = 10;
export const IP_PMTUDISC_OMIT = 5;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_TRANSPARENT = 75;
export const TCP_NODELAY = 1;

export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const MSG_NOSIGNAL = 0x4000;

export const POLLIN = 1;
export const POLLERR = 8;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const SHUT_WR = 1;

export const SOCKADDR_UN_BYTES = 110;
export const SOCKADDR_UN_PATH = 2;

export const CLOCK_MONOTONIC = 1;
export const TIMESPEC_BYTES = 16;
export const TIMESPEC_NANOSECONDS = 8;

export const O_RDWR = 2;
export const O_CLOEXEC = 0x80000;
export const AT_FDCWD = -100;
export const S_IFCHR = 0x2000;

/** Numbers of system calls, for syscall(2): each architecture has its own. */
export const SYSTEM_CALLS = {
  x64: { gettid: 186, mknodat: 259 },
  arm64: { gettid: 178, mknodat: 33 },
} as const;
const systemCalls = process.arch === "x64" ? SYSTEM_CALLS.x64 : SYSTEM_CALLS.arm64;
export const SYS_GETTID: number = systemCalls.gettid;
export const SYS_MKNODAT: number = systemCalls.mknodat;

/** struct pollfd { int fd; short events; short revents; } */
export const POLLFD_BYTES = 8;
export const POLLFD_EVENTS = 4;
export const POLLFD_REVENTS = 6;

/** struct iovec { void *base; size_t length; } */
export const IOVEC_BYTES = 16;
export const IOVEC_LENGTH = 8;

/**
 * struct msghdr { name*, socklen_t namelen, iov*, size_t iovlen, control*, size_t controllen, int
 * flags }
 */
export const MSGHDR_BYTES = 56;
export const MSGHDR_NAME = 0;
export const MSGHDR_NAMELEN = 8;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOVLEN = 24;
export const MSGHDR_CONTROL = 32;
export const MSGHDR_CONTROLLEN = 40;
export const MSGHDR_FLAGS = 48;

/** struct mmsghdr { struct msghdr header; unsigned length; } */
export const MMSGHDR_BYTES = 64;
export const MMSGHDR_LEN = 56;

/** struct cmsghdr { size_t len; int level; int type; } and its data, 8-byte aligned. */
export const CMSG_LEVEL = 8;
export const CMSG_TYPE = 12;
export const CMSG_DATA = 16;
/** struct in_pktinfo { int ifindex; in_addr spec_dst; in_addr addr; } */
export const IN_PKTINFO_BYTES = 12;
/** Of `spec_dst`: our address that it was sent to. */
export const PKTINFO_OWN_ADDRESS = 4;
/** struct in6_pktinfo { in6_addr addr; int ifindex; } */
export const IN6_PKTINFO_BYTES = 20;

/** struct sockaddr_in { u16 family; be16 port; u8 addr[4]; pad[8] } */
export const SOCKADDR_IN_BYTES = 16;
/** struct sockaddr_in6 { u16 family; be16 port; be32 flowinfo; u8 addr[16]; u32 scope } */
export const SOCKADDR_IN6_BYTES = 28;
export const SOCKADDR_PORT = 2;
export const SOCKADDR_IN_ADDR = 4;
export const SOCKADDR_IN6_ADDR = 8;
export const SOCKADDR_IN6_SCOPE = 24;

/** struct epoll_event { u32 events; u64 data; }, packed on x86-64. */
export const EPOLL_EVENT_LAYOUTS = {
  x64: { bytes: 12, data: 4 },
  arm64: { bytes: 16, data: 8 },
} as const;
const epollEvent = process.arch === "x64" ? EPOLL_EVENT_LAYOUTS.x64 : EPOLL_EVENT_LAYOUTS.arm64;
export const EPOLL_EVENT_BYTES: number = epollEvent.bytes;
export const EPOLL_EVENT_DATA: number = epollEvent.data;

export const IFNAMSIZ = 16;
/** struct ifreq { char name[IFNAMSIZ]; union { short flags; ... }; } */
export const IFREQ_BYTES = 40;
export const IFREQ_FLAGS = 16;
export const TUNSETIFF = 0x400454ca;
export const TUNSETPERSIST = 0x400454cb;
export const IFF_TUN = 0x1;
export const IFF_MULTI_QUEUE = 0x100;
export const IFF_NO_PI = 0x1000;
