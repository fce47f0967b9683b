/*
 * dnsload: DNS load over UDP or TCP, closed loop (a window of outstanding queries) or open loop (a
 * rate, on an absolute schedule, latency from the scheduled time). One thread, one JSON line on
 * standard output. Options and output are described in ../README.md.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common.h"
#include "transport.h"
#include "watch.h"

#define EXPIRE_EVERY_NS 50000000ull
#define EVENTS_MAX 256

static struct statistics result;
static struct usage usage_before, usage_after;
static struct rusage own_before, own_after;
static uint64_t measure_from_ns, measure_until_ns;

static void measure_begin(uint64_t at_ns) {
  memset(&load.now, 0, sizeof load.now);
  if (load.watch_pid) usage_before = usage_of(load.watch_pid);
  getrusage(RUSAGE_SELF, &own_before);
  measure_from_ns = at_ns;
}

static void measure_end(uint64_t at_ns) {
  measure_until_ns = at_ns;
  if (load.watch_pid) usage_after = usage_of(load.watch_pid);
  getrusage(RUSAGE_SELF, &own_after);
  result = load.now;
}

static void send_due(void) {
  static unsigned turn;
  uint64_t at_ns = now_ns();
  while (load.schedule_ns <= at_ns && may_send()) {
    struct channel *channel = &load.channels[turn++ % load.channel_count];
    if (load.tcp)
      tcp_send_due(channel, at_ns);
    else
      udp_send_due(channel, at_ns);
    at_ns = now_ns();
  }
}

static void top_up(struct channel *channel) {
  if (load.tcp)
    tcp_top_up(channel);
  else
    udp_top_up(channel);
}

static void wait_and_receive(uint64_t wake_ns) {
  struct epoll_event events[EVENTS_MAX];
  uint64_t at_ns = now_ns();
  uint64_t wait_ns = load.spin || wake_ns <= at_ns ? 0 : wake_ns - at_ns;
  struct timespec timeout = {(time_t)(wait_ns / NS_PER_SEC), (long)(wait_ns % NS_PER_SEC)};
  int count = epoll_pwait2(load.epoll, events, EVENTS_MAX, &timeout, NULL);
  if (count < 0 && errno != EINTR) fatal("Cannot wait");
  for (int i = 0; i < count; i++) {
    struct channel *channel = events[i].data.ptr;
    if (!load.tcp)
      udp_receive(channel);
    else if (events[i].events & EPOLLOUT)
      tcp_flush(channel);
    if (load.tcp && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) tcp_receive(channel);
  }
}

static void run(void) {
  uint64_t at_ns = now_ns();
  uint64_t warm_until_ns = at_ns + (uint64_t)(load.warm_seconds * 1e9);
  uint64_t stop_ns = load.seconds > 0 ? warm_until_ns + (uint64_t)(load.seconds * 1e9) : UINT64_MAX;
  uint64_t expire_ns = at_ns + EXPIRE_EVERY_NS, drain_ns = 0;
  int measuring = 0, started = 0;
  load.sending = 1;
  load.schedule_start_ns = load.schedule_ns = at_ns;
  for (;;) {
    at_ns = now_ns();
    if (!measuring && at_ns >= warm_until_ns) {
      measuring = 1;
      measure_begin(at_ns);
    }
    if (!started) {
      started = 1;
      for (unsigned i = 0; load.rate_per_sec == 0 && i < load.channel_count; i++)
        top_up(&load.channels[i]);
    }
    if (drain_ns == 0 && at_ns >= stop_ns) {
      measure_end(at_ns);
      load.sending = 0;
      drain_ns = at_ns + load.timeout_ns + EXPIRE_EVERY_NS;
    }
    if (!may_send() && (load.outstanding == 0 || (drain_ns && at_ns > drain_ns))) break;
    if (load.rate_per_sec > 0) send_due();
    if (at_ns >= expire_ns) {
      expire_ns = at_ns + EXPIRE_EVERY_NS;
      for (unsigned i = 0; i < load.channel_count; i++) {
        expire_slots(&load.channels[i], at_ns);
        if (load.rate_per_sec == 0) top_up(&load.channels[i]);
      }
    }
    uint64_t wake_ns = expire_ns;
    if (load.rate_per_sec > 0 && may_send() && load.schedule_ns < wake_ns)
      wake_ns = load.schedule_ns;
    if (drain_ns == 0 && stop_ns < wake_ns) wake_ns = stop_ns;
    if (!measuring && warm_until_ns < wake_ns) wake_ns = warm_until_ns;
    wait_and_receive(wake_ns);
  }
  if (measure_until_ns == 0) measure_end(now_ns());
  result.lost = load.now.lost; /* also those that were still missing when the window closed */
}

static double seconds_of(struct timeval a, struct timeval b) {
  return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_usec - a.tv_usec) / 1e6;
}

static void print_histogram(const char *name, const struct histogram *histogram) {
  printf(",\"%s\":{\"mean\":%.2f", name,
         histogram->total ? (double)histogram->sum / (double)histogram->total / 1e3 : 0.0);
  static const struct { const char *name; double quantile; } points[] = {
      {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
  for (unsigned i = 0; i < 4; i++)
    printf(",\"%s\":%.2f", points[i].name,
           (double)histogram_quantile(histogram, points[i].quantile) / 1e3);
  printf(",\"max\":%.2f}", (double)histogram->max / 1e3);
}

static void print_result(void) {
  double seconds = (double)(measure_until_ns - measure_from_ns) / 1e9;
  printf("{\"mode\":\"%s\",\"loop\":\"%s\",\"seconds\":%.9f", load.tcp ? "tcp" : "udp",
         load.rate_per_sec > 0 ? "open" : "closed", seconds);
  const struct { const char *name; uint64_t value; } counts[] = {
      {"sent", result.sent}, {"received", result.received}, {"lost", result.lost},
      {"aborted", result.aborted}, {"skipped", result.skipped},
      {"reconnects", result.reconnects}, {"refused", result.refused},
      {"unexpected", result.unexpected}, {"truncated", result.truncated},
      {"wrongRcode", result.wrong_rcode}, {"wrongQuestion", result.wrong_question},
      {"wrongCount", result.wrong_count}, {"wrongAddress", result.wrong_address}};
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
    printf(",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].value);
  printf(",\"qps\":%.1f,\"rcodes\":{", seconds > 0 ? (double)result.received / seconds : 0.0);
  const char *comma = "";
  for (int i = 0; i < 16; i++) {
    if (!result.rcodes[i]) continue;
    printf("%s\"%d\":%llu", comma, i, (unsigned long long)result.rcodes[i]);
    comma = ",";
  }
  printf("}");
  print_histogram("latencyUs", &result.latency);
  print_histogram("sendLagUs", &result.lag);
  printf(",\"own\":{\"userSec\":%.6f,\"systemSec\":%.6f}",
         seconds_of(own_before.ru_utime, own_after.ru_utime),
         seconds_of(own_before.ru_stime, own_after.ru_stime));
  if (load.watch_pid)
    printf(",\"watch\":{\"cpuNs\":%llu,\"waitNs\":%llu,\"userTicks\":%llu,\"systemTicks\":%llu,"
           "\"stealTicks\":%llu,\"ticksPerSec\":%ld,\"seconds\":%.6f}",
           (unsigned long long)(usage_after.cpu_ns - usage_before.cpu_ns),
           (unsigned long long)(usage_after.wait_ns - usage_before.wait_ns),
           (unsigned long long)(usage_after.user_ticks - usage_before.user_ticks),
           (unsigned long long)(usage_after.system_ticks - usage_before.system_ticks),
           (unsigned long long)(usage_after.steal_ticks - usage_before.steal_ticks),
           sysconf(_SC_CLK_TCK),
           (double)(usage_after.at_ns - usage_before.at_ns) / 1e9);
  puts("}");
}

enum option_id {
  O_HOST = 1, O_PORT, O_TCP, O_CHANNELS, O_WINDOW, O_RATE, O_POISSON, O_SPIN, O_SECONDS, O_WARM,
  O_COUNT, O_PATTERN, O_FROM, O_NAMES, O_ORDER, O_ZIPF, O_SEED, O_TYPE, O_EDNS, O_TIMEOUT,
  O_RCODE, O_ANSWERS, O_ADDRESS, O_WATCH
};

static const struct option long_options[] = {
    {"host", 1, 0, O_HOST}, {"port", 1, 0, O_PORT}, {"tcp", 0, 0, O_TCP},
    {"channels", 1, 0, O_CHANNELS}, {"window", 1, 0, O_WINDOW}, {"rate", 1, 0, O_RATE},
    {"poisson", 0, 0, O_POISSON}, {"spin", 0, 0, O_SPIN}, {"seconds", 1, 0, O_SECONDS},
    {"warm-seconds", 1, 0, O_WARM}, {"count", 1, 0, O_COUNT}, {"pattern", 1, 0, O_PATTERN},
    {"from", 1, 0, O_FROM}, {"names", 1, 0, O_NAMES}, {"order", 1, 0, O_ORDER},
    {"zipf-exponent", 1, 0, O_ZIPF}, {"seed", 1, 0, O_SEED}, {"type", 1, 0, O_TYPE},
    {"edns", 1, 0, O_EDNS}, {"timeout-ms", 1, 0, O_TIMEOUT}, {"expect-rcode", 1, 0, O_RCODE},
    {"expect-answers", 1, 0, O_ANSWERS}, {"check-address", 0, 0, O_ADDRESS},
    {"watch", 1, 0, O_WATCH}, {0, 0, 0, 0}};

static unsigned type_of(const char *text) {
  if (strcmp(text, "A") == 0) return 1;
  if (strcmp(text, "AAAA") == 0) return 28;
  if (strcmp(text, "TXT") == 0) return 16;
  return (unsigned)atoi(text);
}

static enum order order_of(const char *text) {
  errno = 0;
  if (strcmp(text, "counter") == 0) return ORDER_COUNTER;
  if (strcmp(text, "uniform") == 0) return ORDER_UNIFORM;
  if (strcmp(text, "zipf") == 0) return ORDER_ZIPF;
  fatal("Cannot use order \"%s\": counter, uniform or zipf is wanted", text);
  return ORDER_COUNTER;
}

static void read_options(int count, char **values) {
  load = (struct load){.host = "127.0.0.1", .pattern = "n%07u.bench.zz", .port = 53,
                       .expect_answers = 1, .channel_count = 8, .window = 100, .type = 1,
                       .zipf_exponent = 1, .timeout_ns = NS_PER_SEC, .seed = 1};
  load.names.count = 1000;
  for (int option; (option = getopt_long(count, values, "", long_options, NULL)) != -1;) {
    switch (option) {
      case O_HOST: load.host = optarg; break;
      case O_PORT: load.port = atoi(optarg); break;
      case O_TCP: load.tcp = 1; break;
      case O_CHANNELS: load.channel_count = (unsigned)atoi(optarg); break;
      case O_WINDOW: load.window = (unsigned)atoi(optarg); break;
      case O_RATE: load.rate_per_sec = atof(optarg); break;
      case O_POISSON: load.poisson = 1; break;
      case O_SPIN: load.spin = 1; break;
      case O_SECONDS: load.seconds = atof(optarg); break;
      case O_WARM: load.warm_seconds = atof(optarg); break;
      case O_COUNT: load.count_limit = strtoull(optarg, NULL, 10); break;
      case O_PATTERN: load.pattern = optarg; break;
      case O_FROM: load.names.from = (uint32_t)strtoul(optarg, NULL, 10); break;
      case O_NAMES: load.names.count = (uint32_t)strtoul(optarg, NULL, 10); break;
      case O_ORDER: load.names.order = order_of(optarg); break;
      case O_ZIPF: load.zipf_exponent = atof(optarg); break;
      case O_SEED: load.seed = strtoull(optarg, NULL, 10); break;
      case O_TYPE: load.type = type_of(optarg); break;
      case O_EDNS: load.edns_bytes = (unsigned)atoi(optarg); break;
      case O_TIMEOUT: load.timeout_ns = strtoull(optarg, NULL, 10) * 1000000ull; break;
      case O_RCODE: load.expect_rcode = atoi(optarg); break;
      case O_ANSWERS: load.expect_answers = atoi(optarg); break;
      case O_ADDRESS: load.check_address = 1; break;
      case O_WATCH: load.watch_pid = atoi(optarg); break;
      default: exit(2);
    }
  }
  errno = 0;
  if (optind < count) fatal("Cannot use \"%s\": options only", values[optind]);
  if (load.channel_count < 1 || load.channel_count > 4096) fatal("--channels must be 1 to 4096");
  if (load.window < load.channel_count) load.window = load.channel_count;
  if (load.names.count < 1) fatal("--names must be at least 1");
  if (load.seconds <= 0 && load.count_limit == 0) fatal("--seconds or --count is wanted");
  if (load.window / load.channel_count > 16000) fatal("--window must be below 16000 per channel");
}

int main(int count, char **values) {
  read_options(count, values);
  prctl(PR_SET_TIMERSLACK, 1ul); /* default is 50 µs, which would be read as latency */
  load.names.random = load.seed;
  load.schedule_random = load.seed ^ 0x5bd1e995;
  names_set_pattern(&load.names, load.pattern, load.type);
  if (load.names.order == ORDER_ZIPF) names_draw_zipf(&load.names, load.zipf_exponent);
  load.epoll = epoll_create1(0);
  load.channels = calloc(load.channel_count, sizeof *load.channels);
  if (!load.channels) fatal("Cannot allocate channels");
  udp_prepare();
  for (unsigned i = 0; i < load.channel_count; i++) {
    struct channel *channel = &load.channels[i];
    channel->window = load.window / load.channel_count + (i < load.window % load.channel_count);
    allocate_slots(channel);
    channel_open(channel);
  }
  run();
  print_result();
  return 0;
}
