import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ForwardPlan,
  POLICY_RANDOM,
  POLICY_ROUND_ROBIN,
  POLICY_SEQUENTIAL,
} from "../../handoff/plan.ts";
import { readSetup } from "../testing.ts";
import { forwardSetup } from "./setup.ts";

const DEFAULTS: ForwardPlan = {
  from: ".",
  except: [],
  upstreams: [{ address: "192.0.2.1", port: 53 }],
  policy: POLICY_RANDOM,
  forceTcp: false,
  preferUdp: false,
  maxFails: 2,
  expireMs: 10_000,
  healthCheck: { intervalMs: 500, recursionDesired: true, domain: "." },
  maxConcurrent: 0,
  failfastAllUnhealthy: false,
  failoverRcodes: [],
};

const FILES = {
  "/etc/resolv.conf":
    "# made by hand\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1\noptions ndots:5\n",
  "scoped.conf": "nameserver fe80::1%eth0\nnameserver 192.0.2.1\nnameserver here\n",
  "empty.conf": "search example.org\n",
};

/** One `forward` with the given words after it, or option lines for `forward . 192.0.2.1`. */
function check(text: string, changes: Partial<ForwardPlan>, warnings: string[] = []): void {
  const result = readSetup(forwardSetup, text, { files: FILES });
  assert.deepEqual(result.problems, warnings, text);
  assert.deepEqual(result.view.forwards, [{ ...DEFAULTS, ...changes }], text);
}

function checkOption(line: string, changes: Partial<ForwardPlan>, warnings: string[] = []): void {
  check(`forward . 192.0.2.1 {\n${line}\n}`, changes, warnings);
}

function checkErrors(text: string, ...expected: string[]): void {
  assert.deepEqual(readSetup(forwardSetup, text, { files: FILES }).problems, expected, text);
}

function checkOptionErrors(lines: string, ...expected: string[]): void {
  checkErrors(`forward . 192.0.2.1 {\n${lines}\n}`, ...expected);
}

test("forward: TO is an address, an endpoint with or without scheme, or a resolv.conf", () => {
  const upstream = (address: string, port = 53) => ({ upstreams: [{ address, port }] });
  check("forward . 192.0.2.1", {});
  check("forward . 192.0.2.1:5300", upstream("192.0.2.1", 5300));
  check("forward . dns://192.0.2.1:5300", upstream("192.0.2.1", 5300));
  check("forward . 2001:DB8::1", upstream("2001:db8::1"));
  check("forward . [2001:db8::1]", upstream("2001:db8::1"));
  check("forward . [2001:db8::1]:5300", upstream("2001:db8::1", 5300));
  const both = [
    { address: "192.0.2.1", port: 53 },
    { address: "2001:db8::1", port: 53 },
  ];
  check("forward . 192.0.2.1 2001:db8::1", { upstreams: both });
  check("forward . /etc/resolv.conf", { upstreams: both });
});

test("forward: nameservers that cannot be used are left out with a warning", () => {
  const reason = 'of "scoped.conf" is left out:';
  check("forward . scoped.conf", {}, [
    `2: Nameserver "fe80::1%eth0" ${reason} this version does not support scopes`,
    `2: Nameserver "here" ${reason} it is no IP address`,
  ]);
});

test("forward: FROM is a zone; of several reverse zones the first", () => {
  check("forward Example.org 192.0.2.1", { from: "example.org." });
  check("forward 10.0.0.0/8 192.0.2.1", { from: "10.in-addr.arpa." });
  check("forward 10.0.0.0/15 192.0.2.1", { from: "0.10.in-addr.arpa." }, [
    '2: FROM "10.0.0.0/15" is 2 zones: only "0.10.in-addr.arpa." is forwarded, as in CoreDNS',
  ]);
});

test("forward: several directives keep the order of the file", () => {
  const { view } = readSetup(forwardSetup, "forward a 192.0.2.1\nforward . 192.0.2.2");
  assert.deepEqual(
    view.forwards.map((forward) => forward.from),
    ["a.", "."],
  );
});

test("forward: options take effect", () => {
  checkOption("except Example.org 10.0.0.0/8", { except: ["example.org.", "10.in-addr.arpa."] });
  checkOption("force_tcp", { forceTcp: true });
  checkOption("prefer_udp", { preferUdp: true });
  checkOption("expire 1m", { expireMs: 60_000 });
  checkOption("max_fails 0", { maxFails: 0 });
  checkOption("policy round_robin", { policy: POLICY_ROUND_ROBIN });
  checkOption("policy sequential", { policy: POLICY_SEQUENTIAL });
  checkOption("policy random", {});
  checkOption("max_concurrent 1000", { maxConcurrent: 1000 });
  checkOption("failfast_all_unhealthy_upstreams", { failfastAllUnhealthy: true });
  checkOption("failover SERVFAIL refused", { failoverRcodes: [2, 5] });
  const healthCheck = { intervalMs: 1_000, recursionDesired: true, domain: "." };
  checkOption("health_check 1s", { healthCheck });
  checkOption("health_check 1s no_rec", {
    healthCheck: { ...healthCheck, recursionDesired: false },
  });
  checkOption("health_check 1s domain Example.org no_rec", {
    healthCheck: { intervalMs: 1_000, recursionDesired: false, domain: "example.org." },
  });
});

test("forward: options that change no answer are accepted with a warning", () => {
  const noEffect = (name: string) => [`3: ${name} has no effect in this version`];
  checkOption("max_connect_attempts 3", {}, noEffect("max_connect_attempts"));
  checkOption("max_idle_conns 3", {}, noEffect("max_idle_conns"));
  checkOption("max_age 1m", {}, noEffect("max_age"));
  checkOption("read_timeout 1s", {}, noEffect("read_timeout"));
});

test("forward: options and upstreams that would change what clients get are errors", () => {
  const cannot = (line: number, what: string) =>
    `${line}: Cannot use ${what}: this version does not support it`;
  checkOptionErrors("tls", cannot(3, "tls"));
  checkOptionErrors("tls_servername example.org", cannot(3, "tls_servername"));
  checkOptionErrors("next NXDOMAIN", cannot(3, "next"));
  checkOptionErrors("next_on_nodata", cannot(3, "next_on_nodata"));
  checkOptionErrors("doh_method GET", cannot(3, "doh_method"));
  checkOptionErrors("source_address 192.0.2.9", cannot(3, "source_address"));
  checkErrors("forward . tls://192.0.2.1", cannot(2, 'upstream "tls://192.0.2.1"'));
  checkErrors("forward . https://example.org/q", cannot(2, 'upstream "https://example.org/q"'));
  checkErrors("forward . fe80::1%eth0", cannot(2, 'upstream "fe80::1%eth0" with a scope'));
});

test("forward: wrong upstreams are reported, all of them", () => {
  const wanted =
    "Cannot read upstream: expected an IP address, IP:port, [IPv6]:port or a file, got";
  checkErrors("forward", '2: Missing argument after "forward": expected forward FROM TO...');
  checkErrors("forward .", '2: Missing argument after ".": expected forward FROM TO...');
  checkErrors(
    "forward . example.org 192.0.2",
    `2: ${wanted} "example.org"`,
    `2: ${wanted} "192.0.2"`,
  );
  checkErrors("forward . <nil>", `2: ${wanted} "<nil>"`);
  checkErrors("forward . /none.conf", `2: ${wanted} "/none.conf": no such file`);
  checkErrors(
    "forward . empty.conf",
    '2: Cannot forward to "empty.conf": expected a line "nameserver ADDRESS" in it',
  );
  checkErrors(
    "forward . 192.0.2.1:0 [2001:db8::1]:x",
    '2: Cannot read port of upstream "192.0.2.1:0": expected 1 to 65535',
    '2: Cannot read port of upstream "[2001:db8::1]:x": expected 1 to 65535',
  );
  checkErrors(
    "forward . 0.0.0.0",
    '2: Cannot forward to "0.0.0.0": expected the address of one server',
  );
  checkErrors(
    "forward . udp://192.0.2.1",
    '2: Unknown scheme "udp://" of an upstream: expected "dns://"',
  );
  const many = Array.from({ length: 16 }, (_, index) => `192.0.2.${index + 1}`).join(" ");
  checkErrors(
    `forward . ${many}`,
    "2: Cannot forward to so many upstreams: expected at most 15, got 16",
  );
});

test("forward: wrong options are reported with what was expected", () => {
  checkOptionErrors(
    "force-tcp\nforce_tcp yes\npolicy fastest\npolicy",
    '3: Unknown option "force-tcp": did you mean "force_tcp"?',
    '4: Unexpected "yes" after "force_tcp": expected force_tcp alone',
    '5: Cannot read policy: expected random, round_robin or sequential, got "fastest"',
    '6: Missing argument after "policy": expected policy random|round_robin|sequential',
  );
  checkOptionErrors(
    "max_fails -1\nexpire 10\nmax_concurrent x",
    '3: Cannot read NUMBER of max_fails: expected a whole number from 0, got "-1"',
    '4: Cannot read DURATION of expire: expected a duration from 0, such as 10s, got "10": did you mean "10s"?',
    '5: Cannot read NUMBER of max_concurrent: expected a whole number from 0, got "x"',
  );
  checkOptionErrors(
    "health_check -1s\nhealth_check 1s no_rek\nhealth_check 1s domain\nhealth_check",
    '3: Cannot read DURATION of health_check: expected a duration from 0, such as 0.5s, got "-1s"',
    '4: Unknown option "no_rek" of health_check: did you mean "no_rec"?',
    '5: Missing argument after "domain": expected health_check DURATION [no_rec] [domain FQDN]',
    '6: Missing argument after "health_check": expected health_check DURATION [no_rec] [domain FQDN]',
  );
  checkOptionErrors(
    "failover SERVFIAL\nfailover NOERROR\nexcept",
    '3: Cannot read RCODE of failover: expected a name such as SERVFAIL, got "SERVFIAL": did you mean "SERVFAIL"?',
    "4: Cannot use NOERROR with failover: it is no failure",
    '5: Missing argument after "except": expected except ZONES...',
  );
});
