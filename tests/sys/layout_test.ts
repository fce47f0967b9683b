/** Compares `src/sys/layout.ts` with what a C compiler says of the same names on this machine. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as errno from "../../src/sys/errno.ts";
import * as layout from "../../src/sys/layout.ts";
import * as netlink from "../../src/sys/netlink_layout.ts";

/** C expressions for the names that are not themselves names of C. */
const EXPRESSIONS: Record<string, string> = {
  POLLFD_BYTES: "sizeof(struct pollfd)",
  POLLFD_EVENTS: "offsetof(struct pollfd, events)",
  POLLFD_REVENTS: "offsetof(struct pollfd, revents)",
  IOVEC_BYTES: "sizeof(struct iovec)",
  IOVEC_LENGTH: "offsetof(struct iovec, iov_len)",
  MSGHDR_BYTES: "sizeof(struct msghdr)",
  MSGHDR_NAME: "offsetof(struct msghdr, msg_name)",
  MSGHDR_NAMELEN: "offsetof(struct msghdr, msg_namelen)",
  MSGHDR_IOV: "offsetof(struct msghdr, msg_iov)",
  MSGHDR_IOVLEN: "offsetof(struct msghdr, msg_iovlen)",
  MSGHDR_CONTROL: "offsetof(struct msghdr, msg_control)",
  MSGHDR_CONTROLLEN: "offsetof(struct msghdr, msg_controllen)",
  MSGHDR_FLAGS: "offsetof(struct msghdr, msg_flags)",
  MMSGHDR_BYTES: "sizeof(struct mmsghdr)",
  MMSGHDR_LEN: "offsetof(struct mmsghdr, msg_len)",
  CMSG_LEVEL: "offsetof(struct cmsghdr, cmsg_level)",
  CMSG_TYPE: "offsetof(struct cmsghdr, cmsg_type)",
  CMSG_DATA: "CMSG_LEN(0)",
  IN_PKTINFO_BYTES: "sizeof(struct in_pktinfo)",
  PKTINFO_OWN_ADDRESS: "offsetof(struct in_pktinfo, ipi_spec_dst)",
  IN6_PKTINFO_BYTES: "sizeof(struct in6_pktinfo)",
  SOCKADDR_IN_BYTES: "sizeof(struct sockaddr_in)",
  SOCKADDR_IN6_BYTES: "sizeof(struct sockaddr_in6)",
  SOCKADDR_PORT: "offsetof(struct sockaddr_in, sin_port)",
  SOCKADDR_IN_ADDR: "offsetof(struct sockaddr_in, sin_addr)",
  SOCKADDR_IN6_ADDR: "offsetof(struct sockaddr_in6, sin6_addr)",
  SOCKADDR_IN6_SCOPE: "offsetof(struct sockaddr_in6, sin6_scope_id)",
  SOCKADDR_UN_BYTES: "sizeof(struct sockaddr_un)",
  SOCKADDR_UN_PATH: "offsetof(struct sockaddr_un, sun_path)",
  TIMESPEC_BYTES: "sizeof(struct timespec)",
  TIMESPEC_NANOSECONDS: "offsetof(struct timespec, tv_nsec)",
  EPOLL_EVENT_BYTES: "sizeof(struct epoll_event)",
  EPOLL_EVENT_DATA: "offsetof(struct epoll_event, data)",
  SYS_GETTID: "SYS_gettid",
  SYS_MKNODAT: "SYS_mknodat",
  IFREQ_BYTES: "sizeof(struct ifreq)",
  IFREQ_FLAGS: "offsetof(struct ifreq, ifr_flags)",
  SOCKADDR_NL_BYTES: "sizeof(struct sockaddr_nl)",
  SOCKADDR_NL_PORT: "offsetof(struct sockaddr_nl, nl_pid)",
  SOCKADDR_NL_GROUPS: "offsetof(struct sockaddr_nl, nl_groups)",
  NLMSGHDR_BYTES: "sizeof(struct nlmsghdr)",
  IFINFOMSG_BYTES: "sizeof(struct ifinfomsg)",
  IFADDRMSG_BYTES: "sizeof(struct ifaddrmsg)",
  IFA_CACHEINFO_BYTES: "sizeof(struct ifa_cacheinfo)",
  RTMSG_BYTES: "sizeof(struct rtmsg)",
  NFGENMSG_BYTES: "sizeof(struct nfgenmsg)",
  IPT_GETINFO_BYTES: "sizeof(struct ipt_getinfo)",
  IPT_GETINFO_ENTRIES: "offsetof(struct ipt_getinfo, num_entries)",
};

const HEADERS = [
  "arpa/inet.h",
  "errno.h",
  "fcntl.h",
  "net/if.h",
  "netinet/in.h",
  "netinet/tcp.h",
  "poll.h",
  "stddef.h",
  "stdio.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/ioctl.h",
  "sys/socket.h",
  "sys/stat.h",
  "sys/syscall.h",
  "sys/uio.h",
  "sys/un.h",
  "time.h",
  "linux/if_tun.h",
  "linux/netfilter.h",
  "linux/netfilter/nf_tables.h",
  "linux/netfilter/nfnetlink.h",
  "linux/netfilter_ipv4.h",
  "linux/netfilter_ipv4/ip_tables.h",
  "linux/netlink.h",
  "linux/rtnetlink.h",
];

const hasCompiler = spawnSync("gcc", ["--version"]).status === 0;
const SKIP = hasCompiler ? false : "gcc is not installed";

/** The values of `expressions` in C. */
function evaluateInC(expressions: Record<string, string>): Record<string, number> {
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  try {
    const source = [
      "#define _GNU_SOURCE",
      ...HEADERS.map((header) => `#include <${header}>`),
      "int main(void) {",
      ...Object.entries(expressions).map(
        ([name, expression]) => `  printf("${name} %lld\\n", (long long)(${expression}));`,
      ),
      "}",
    ].join("\n");
    writeFileSync(join(folder, "layout.c"), source);
    const program = join(folder, "layout");
    execFileSync("gcc", ["-o", program, join(folder, "layout.c")]);
    const lines = execFileSync(program, { encoding: "utf8" }).trim().split("\n");
    return Object.fromEntries(
      lines.map((line) => line.split(" ") as [string, string]).map(([k, v]) => [k, Number(v)]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function numbersOf(module: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(module).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    ),
  );
}

test("layout.ts says of every struct and constant what the C compiler says", { skip: SKIP }, () => {
  const ours = numbersOf(layout);
  assert.ok(Object.keys(ours).length > 60, "the module exports its numbers");
  const expressions = Object.fromEntries(
    Object.keys(ours).map((name) => [name, EXPRESSIONS[name] ?? name]),
  );
  assert.deepEqual(ours, evaluateInC(expressions));
});

test("netlink_layout.ts says what the C compiler says", { skip: SKIP }, () => {
  const ours = numbersOf(netlink);
  assert.ok(Object.keys(ours).length > 90, "the module exports its numbers");
  const expressions = Object.fromEntries(
    Object.keys(ours).map((name) => [name, EXPRESSIONS[name] ?? name]),
  );
  assert.deepEqual(ours, evaluateInC(expressions));
});

test("errno.ts has the numbers of errno.h", { skip: SKIP }, () => {
  const ours = numbersOf(errno);
  assert.ok(Object.keys(ours).length > 20, "the module exports its numbers");
  assert.deepEqual(ours, evaluateInC(Object.fromEntries(Object.keys(ours).map((k) => [k, k]))));
});

test("eventfd and epoll_create1 take the socket flags under their own names", {
  skip: SKIP,
}, () => {
  const { SOCK_CLOEXEC, SOCK_NONBLOCK } = layout;
  assert.deepEqual(
    evaluateInC({ nonblock: "EFD_NONBLOCK", cloexec: "EFD_CLOEXEC", epoll: "EPOLL_CLOEXEC" }),
    { nonblock: SOCK_NONBLOCK, cloexec: SOCK_CLOEXEC, epoll: SOCK_CLOEXEC },
  );
});

/** The architecture that this machine is not, and the compiler for it. */
const [OTHER, CROSS_COMPILER] =
  process.arch === "x64"
    ? (["arm64", "aarch64-linux-gnu-gcc"] as const)
    : (["x64", "x86_64-linux-gnu-gcc"] as const);
const hasCrossCompiler = spawnSync(CROSS_COMPILER, ["--version"]).status === 0;

test(`layout.ts says of ${OTHER}, too, what the C compiler says`, {
  skip: hasCrossCompiler ? false : `${CROSS_COMPILER} is not installed`,
}, () => {
  const { bytes, data } = layout.EPOLL_EVENT_LAYOUTS[OTHER];
  const { gettid, mknodat } = layout.SYSTEM_CALLS[OTHER];
  const ours = {
    ...numbersOf(layout),
    ...numbersOf(netlink),
    EPOLL_EVENT_BYTES: bytes,
    EPOLL_EVENT_DATA: data,
    SYS_GETTID: gettid,
    SYS_MKNODAT: mknodat,
  };
  const check = (values: Record<string, number>) =>
    spawnSync(CROSS_COMPILER, ["-fsyntax-only", "-x", "c", "-"], {
      encoding: "utf8",
      input: [
        "#define _GNU_SOURCE",
        ...HEADERS.map((header) => `#include <${header}>`),
        ...Object.entries(values).map(
          ([name, value]) =>
            `_Static_assert((long long)(${EXPRESSIONS[name] ?? name}) == ${value}LL, "${name}");`,
        ),
      ].join("\n"),
    });
  assert.equal(check(ours).stderr, "");
  assert.match(check({ ...ours, EPOLL_EVENT_BYTES: bytes + 1 }).stderr, /EPOLL_EVENT_BYTES/);
});
