/** The dashboard's rows about the process, its place on the node and its configuration. */

import type { Row } from "./panel.ts";
import { increase, orZero, ours, plainRate, quantile, rate, series } from "./query.ts";

const CHANGES = "nodens_interception_changes_total";
const SETUP_ERRORS = "coredns_nodecache_setup_errors_total";
/** Port 9353 has no `nodens_workers`; node-cache has the same counter there. */
const INTERCEPTING = "and on (job, instance) nodens_intercepting";
const FEW = 10;

export const INTERCEPTION: Row = {
  title: "Interception (port 9353)",
  panels: [
    {
      ...{ title: "Nodes by state" },
      says: "While a node does not intercept, its clients are answered by kube-dns.",
      queries: [
        [orZero(`count(${series("nodens_intercepting")} == 1)`), "intercept"],
        [orZero(`count(${series("nodens_intercepting")} == 0)`), "do not"],
      ],
    },
    {
      ...{ title: "Nodes by lease" },
      says: "tun and nft go with the process; with socket the node's own processes ask kube-dns; none is node-cache's way.",
      queries: [[`count by (kind) (${series("nodens_lease_info")})`, "{{kind}}"]],
    },
    {
      ...{ title: "Addresses taken, dropped, mended", unit: "ops" },
      says: "Taken and dropped at each start and stop. Mended all the time: others remove rules.",
      queries: [[`sum by (change) (${plainRate(CHANGES)})`, "{{change}}"]],
    },
    {
      ...{ title: "Errors of the set-up", unit: "ops" },
      says: "Rules, link, addresses or configuration could not be set. The log has the reason.",
      queries: [
        [`sum by (errortype) (${plainRate(SETUP_ERRORS)} ${INTERCEPTING})`, "{{errortype}}"],
      ],
    },
    {
      ...{ title: "Nodes where most was mended", unit: "ops" },
      says: "The ten nodes where others remove most.",
      queries: [
        [`topk(${FEW}, sum by ($by) (${plainRate(CHANGES, 'change="mended"')}))`, "__auto"],
      ],
    },
    {
      ...{ title: "Nodes that do not intercept", kind: "table" },
      says: "Empty is good. What stands in the way: nodens status and nodens doctor in its pod.",
      queries: [[`max by ($by) (${series("nodens_intercepting")} == 0)`, "__auto"]],
    },
  ],
};

export const LOAD: Row = {
  title: "Memory, CPU and load shedding",
  panels: [
    {
      ...{ title: "Memory, largest nodes", unit: "bytes" },
      says: "Resident. About 55 MB and the cache's part; the manifests allow 192 MiB.",
      queries: [
        [`topk(${FEW}, max by ($by) (${ours("process_resident_memory_bytes")}))`, "__auto"],
      ],
    },
    {
      ...{ title: "CPU, busiest nodes", unit: "percentunit" },
      says: "Of one core.",
      queries: [[`topk(${FEW}, sum by ($by) (${rate("process_cpu_seconds_total")}))`, "__auto"]],
    },
    {
      ...{ title: "Turned away", unit: "reqps" },
      says: "For want of room, by reason. Should be 0: see the manual, Queries are turned away.",
      queries: [
        [`sum by (reason) (${plainRate("nodens_shed_total")})`, "{{reason}}"],
        [`sum(${rate("coredns_forward_max_concurrent_rejects_total")})`, "forward"],
      ],
    },
    {
      ...{ title: "Waiting now, most of all nodes" },
      says: "Room is for 8,192 questions, 16,384 clients and 1,024 connections of each worker.",
      queries: [[`max by (kind) (${series("nodens_in_flight")})`, "{{kind}}"]],
    },
    {
      ...{ title: "Open files, most of all nodes", unit: "percentunit" },
      says: "Of what the process may open.",
      queries: [
        [`max(${ours("process_open_fds")} / ${ours("process_max_fds")})`, "open of allowed"],
      ],
    },
    {
      ...{ title: "Workers: since the last turn", unit: "s" },
      says: "Below 0.2 s. One that hangs is replaced within 2 s.",
      queries: [[`max(${series("nodens_worker_heartbeat_age_seconds")})`, "longest"]],
    },
    {
      ...{ title: "Virtual memory, most", unit: "bytes" },
      says: "Reserved addresses, not memory: gigabytes are usual.",
      queries: [[`max(${ours("process_virtual_memory_bytes")})`, "most"]],
    },
    {
      ...{ title: "Up since, by version", kind: "table", unit: "s" },
      says: "Time since the youngest process of each version was started.",
      queries: [
        [
          "min by (version) ((time() - " +
            `${ours("process_start_time_seconds")}) * on (job, instance) group_left (version) ` +
            `${ours("coredns_build_info")})`,
          "{{version}}",
        ],
      ],
    },
    {
      ...{ title: "Starts within the time shown" },
      says: "An update is one. More: see the manual, nodens is started again and again.",
      queries: [
        [
          `topk(${FEW}, sum by ($by) (changes(${series("process_start_time_seconds")}[$__range]) ` +
            "and on (job, instance) nodens_workers))",
          "__auto",
        ],
      ],
    },
  ],
};

export const CONFIGURATION: Row = {
  title: "Configuration and health",
  panels: [
    {
      ...{ title: "Changes refused", kind: "number", bounds: [1, 5] },
      says: "Within the time shown. The configuration before goes on.",
      queries: [[`sum(${increase("coredns_reload_failed_total")})`, "refused"]],
    },
    {
      ...{ title: "Configurations in effect", kind: "number", bounds: [2, 3] },
      says: "Different ones on the nodes chosen. More than one for long: some node has not followed.",
      queries: [
        [`count(count by (value) (${ours("coredns_reload_version_info")}))`, "configurations"],
      ],
    },
    {
      ...{ title: "Failures of plugins", kind: "number", bounds: [1, 5] },
      says: "Each cost a client a SERVFAIL.",
      queries: [[`sum(${increase("coredns_panics_total")})`, "failures"]],
    },
    {
      ...{ title: "Health checks failed", kind: "number", bounds: [1, 5] },
      says: "The process asks itself once a second where health is configured.",
      queries: [[`sum(${increase("coredns_health_request_failures_total")})`, "failed"]],
    },
    {
      ...{ title: "Versions", kind: "number" },
      says: "Of nodens, on the nodes chosen. Two during an update.",
      queries: [[`count(count by (version) (${ours("coredns_build_info")}))`, "versions"]],
    },
    {
      ...{ title: "Workers", kind: "number" },
      says: "Of all nodes together.",
      queries: [[`sum(${series("nodens_workers")})`, "workers"]],
    },
    {
      ...{ title: "Nodes by configuration" },
      says: "Lines cross while a change goes round; afterwards there is one.",
      queries: [[`count by (value) (${ours("coredns_reload_version_info")})`, "{{value}}"]],
    },
    {
      ...{ title: "Time of the health check, 99 of 100", unit: "s" },
      says: "Of the control plane; queries are answered by other threads.",
      queries: [[quantile(0.99, "coredns_health_request_duration_seconds"), "p99"]],
    },
    {
      ...{ title: "Directives in use" },
      says: "How many blocks have each.",
      kind: "table",
      queries: [[`count by (name) (${ours("coredns_plugin_enabled")})`, "{{name}}"]],
    },
  ],
};

export const PLUGINS: Row = {
  title: "Plugins, where they are used",
  panels: [
    {
      ...{ title: "Denied at once", unit: "reqps", width: 6 },
      says: "Empty unless filter_aaaa or search_cut has denied something.",
      queries: [
        [`sum(${plainRate("nodens_filter_aaaa_filtered_total")})`, "AAAA"],
        [`sum(${plainRate("nodens_search_cut_denied_total")})`, "search path"],
        [`sum(${rate("coredns_autopath_success_total")})`, "autopath"],
        [`sum(${rate("coredns_local_localhost_requests_total")})`, "localhost"],
      ],
    },
    {
      ...{ title: "template and dns64", unit: "reqps", width: 6 },
      says: "Empty unless they are used. Failures of a template are mistakes in the Corefile.",
      queries: [
        [`sum(${rate("coredns_template_matches_total")})`, "template"],
        [`sum(${rate("coredns_template_template_failures_total")})`, "template failed"],
        [`sum(${rate("coredns_template_rr_failures_total")})`, "template made no record"],
        [`sum(${rate("coredns_dns64_requests_translated_total")})`, "dns64"],
      ],
    },
    {
      ...{ title: "Entries of hosts", width: 6 },
      says: "Of all nodes together, both directions. Empty unless it is used.",
      queries: [[`sum(${ours("coredns_hosts_entries")})`, "entries"]],
    },
    {
      ...{ title: "acl", unit: "reqps", width: 6 },
      says: "Empty unless it is used.",
      queries: [
        [`sum(${rate("coredns_acl_allowed_requests_total")})`, "allowed"],
        [`sum(${rate("coredns_acl_blocked_requests_total")})`, "refused"],
        [`sum(${rate("coredns_acl_filtered_requests_total")})`, "answered with nothing"],
        [`sum(${rate("coredns_acl_dropped_requests_total")})`, "not answered"],
      ],
    },
  ],
};
