import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ForwardPlan,
  POLICY_RANDOM,
  POLICY_ROUND_ROBIN,
  POLICY_SEQUENTIAL,
  type TlsPlan,
} from "../../handoff/plan.ts";
import { readSetup } from "../testing.ts";
import { forwardSetup } from "./setup.ts";

const DEFAULTS: ForwardPlan = {
  from: ".",
  except: [],
  upstreams: [{ address: "192.0.2.1", port: 53, tls: null }],
  policy: POLICY_RANDOM,
  forceTcp: false,
  preferUdp: false,
  maxFails: 2,
  expireMs: 10_000,
  healthCheck: { intervalMs: 500, recursionDesired: true, domain: "." },
  maxConcurrent: 0,
  failfastAllUnhealthy: false,
  failoverRcodes: [],
  nextRcodes: [],
  nextOnNodata: false,
  maxAgeMs: 0,
  maxIdleConns: 0,
  readTimeoutMs: 0,
  maxConnectAttempts: 0,
  sourceAddresses: [],
};

const NO_FILES = { certFile: null, keyFile: null, caFile: null };

const FILES = {
  "cert.pem": "Subject: x\n-----BEGIN CERTIFICATE-----\n",
  "ca.pem": "-----BEGIN CERTIFICATE-----\n",
  "key.pem": "-----BEGIN PRIVATE KEY-----\n",
  "ec.pem": "-----BEGIN EC PRIVATE KEY-----\n",
  "/etc/resolv.conf":
    "# made by hand\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1\noptions ndots:5\n",
  "scoped.conf":
    "nameserver fe80::1%eth0\nnameserver fe80::1%eth9 # down\nnameserver 192.0.2.1;\nnameserver here\n",
  "/sys/class/net/eth0/ifindex": "2\n",
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
  const upstream = (address: string, port = 53) => ({
    upstreams: [{ address, port, tls: null }],
  });
  check("forward . 192.0.2.1", {});
  check("forward . 192.0.2.1:5300", upstream("192.0.2.1", 5300));
  check("forward . dns://192.0.2.1:5300", upstream("192.0.2.1", 5300));
  check("forward . 2001:DB8::1", upstream("2001:db8::1"));
  check("forward . [2001:db8::1]", upstream("2001:db8::1"));
  check("forward . [2001:db8::1]:5300", upstream("2001:db8::1", 5300));
  const both = [
    { address: "192.0.2.1", port: 53, tls: null },
    { address: "2001:db8::1", port: 53, tls: null },
  ];
  check("forward . 192.0.2.1 2001:db8::1", { upstreams: both });
  check("forward . /etc/resolv.conf", { upstreams: both });
});

test("forward: nameservers that cannot be used are left out with a warning", () => {
  const reason = 'of "scoped.conf" is left out:';
  const upstreams = [
    { address: "fe80::1%2", port: 53, tls: null },
    { address: "192.0.2.1", port: 53, tls: null },
  ];
  check("forward . scoped.conf", { upstreams }, [
    `2: Nameserver "fe80::1%eth9" ${reason} this machine has no such interface`,
    `2: Nameserver "here" ${reason} it is no IP address`,
  ]);
});

test("forward: the scope of an address becomes the number of its interface", () => {
  const at = (address: string, port = 53) => ({ upstreams: [{ address, port, tls: null }] });
  check("forward . fe80::1%eth0", at("fe80::1%2"));
  check("forward . [FE80::1%eth0]:5300", at("fe80::1%2", 5300));
  check("forward . fe80::1%7", at("fe80::1%7"));
  const missing = (name: string, text: string) =>
    `2: Cannot find interface "${name}" of upstream "${text}": expected the name of one that this machine has`;
  checkErrors("forward . fe80::1%eth9", missing("eth9", "fe80::1%eth9"));
  checkErrors("forward . fe80::1%../x", missing("../x", "fe80::1%../x"));
});

test("forward: tls:// upstreams take a server name and a port in every place", () => {
  const at = (address: string, port: number, serverName: string | null) => ({
    upstreams: [{ address, port, tls: { ...NO_FILES, serverName } }],
  });
  check("forward . tls://192.0.2.1", at("192.0.2.1", 853, null));
  check("forward . TLS://192.0.2.1:8853", at("192.0.2.1", 8853, null));
  check("forward . tls://192.0.2.1%dns.example.org", at("192.0.2.1", 853, "dns.example.org"));
  check("forward . tls://192.0.2.1%dns.example.org:99", at("192.0.2.1", 99, "dns.example.org"));
  check("forward . tls://2001:db8::1", at("2001:db8::1", 853, null));
  for (const text of [
    "[2001:db8::1%dns.example.org]:99",
    "[2001:db8::1]%dns.example.org:99",
    "2001:db8::1%dns.example.org:99",
  ]) {
    check(`forward . tls://${text}`, at("2001:db8::1", 99, "dns.example.org"));
  }
  check("forward . tls://2001:db8::1%a.example.org", at("2001:db8::1", 853, "a.example.org"));
  check("forward . tls:///etc/resolv.conf", {
    upstreams: [
      { address: "192.0.2.1", port: 853, tls: { ...NO_FILES, serverName: null } },
      { address: "2001:db8::1", port: 853, tls: { ...NO_FILES, serverName: null } },
    ],
  });
  const wanted = "expected a host name after %";
  for (const text of ["tls://192.0.2.1%", "tls://192.0.2.1%a_b-", "tls://192.0.2.1%a..b"]) {
    checkErrors(`forward . ${text}`, `2: Cannot read server name of "${text}": ${wanted}`);
  }
});

test("forward: tls and tls_servername are those of its tls:// upstreams", () => {
  const secure = (line: string, tls: Partial<TlsPlan>, warnings: string[] = []) =>
    check(
      `forward . tls://192.0.2.1 192.0.2.2 {\n${line}\n}`,
      {
        upstreams: [
          { address: "192.0.2.1", port: 853, tls: { ...NO_FILES, serverName: null, ...tls } },
          { address: "192.0.2.2", port: 53, tls: null },
        ],
      },
      warnings,
    );
  secure("tls", {});
  secure("tls ca.pem", { caFile: "ca.pem" });
  secure("tls cert.pem key.pem", { certFile: "cert.pem", keyFile: "key.pem" });
  secure("tls cert.pem ec.pem ca.pem", {
    certFile: "cert.pem",
    keyFile: "ec.pem",
    caFile: "ca.pem",
  });
  secure("tls_servername dns.example.org", { serverName: "dns.example.org" });
  checkOption("tls\ntls_servername dns.example.org", {}, [
    '3: tls has no effect: no upstream here is "tls://"',
    '4: tls_servername has no effect: no upstream here is "tls://"',
  ]);
  checkErrors(
    "forward . tls://192.0.2.1 {\ntls none.pem\ntls a b c d\ntls_servername -x\n}",
    '3: Cannot read "none.pem" for tls: no such file',
    '4: Unexpected "d" after "tls": expected tls [CERT KEY] [CA]',
    '5: Cannot read NAME of tls_servername: expected a host name, got "-x"',
  );
  checkErrors(
    "forward . tls://192.0.2.1%a.example.org {\ntls key.pem cert.pem\ntls_servername b.example.org\n}",
    '3: Cannot use "key.pem" for tls: expected "-----BEGIN CERTIFICATE-----" in it',
    '3: Cannot use "cert.pem" for tls: expected "-----BEGIN PRIVATE KEY-----" in it',
    '4: Cannot use tls_servername: "%a.example.org" of an upstream names it, too: write one of the two',
  );
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

test("forward: options about connections, attempts and what comes next take effect", () => {
  checkOption("max_connect_attempts 3", { maxConnectAttempts: 3 });
  checkOption("max_idle_conns 1", { maxIdleConns: 1 });
  checkOption("max_age 1m", { maxAgeMs: 60_000 });
  checkOption("read_timeout 1s", { readTimeoutMs: 1_000 });
  checkOption("next NXDOMAIN\nnext refused", { nextRcodes: [3, 5] });
  checkOption("next_on_nodata", { nextOnNodata: true });
});

test("forward: source_address is one of this machine, for each family", () => {
  const interfaces = [{ name: "eth0", addresses: ["192.0.2.9", "2001:db8::9"] }];
  const { view, problems } = readSetup(
    forwardSetup,
    "forward . 192.0.2.1 {\nsource_address 192.0.2.9 2001:DB8::9\n}",
    { interfaces },
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(view.forwards[0]!.sourceAddresses, ["192.0.2.9", "2001:db8::9"]);
  checkOption("source_address 192.0.2.8", { sourceAddresses: ["192.0.2.8"] }, [
    '3: Source address "192.0.2.8": this machine does not have it now: no query can leave from there',
  ]);
  checkOptionErrors(
    "source_address here\nsource_address ::1 ::2",
    '3: Cannot read ADDRESS of source_address: expected an IP address of this machine, got "here"',
    '4: Source address "::1": this machine does not have it now: no query can leave from there',
    '4: Cannot use "::2": there is one IPv6 source already',
  );
});

test("forward: what looks up host names, and what speaks HTTPS or QUIC, is named", () => {
  checkOption("resolver 192.0.2.9 192.0.2.9:53 2001:db8::9 [2001:db8::9]:53", {}, [
    "3: resolver has no effect in this version",
  ]);
  checkOptionErrors(
    "resolver here",
    '3: Cannot read ADDRESS of resolver: expected an IP address or IP:port, got "here"',
  );
  checkOptionErrors("doh_method GET", "3: Cannot use doh_method: https is not supported");
  for (const scheme of ["https", "quic", "grpc"]) {
    const text = `${scheme}://192.0.2.1`;
    const why = `${scheme} is not supported: use "tls://" or plain DNS`;
    checkErrors(`forward . ${text}`, `2: Cannot use upstream "${text}": ${why}`);
  }
});

test("forward: wrong upstreams are reported, all of them", () => {
  const wanted =
    "Cannot read upstream: expected an IP address, IP:port, [IPv6]:port or a file, got";
  checkErrors("forward", '2: Missing argument after "forward": expected forward FROM TO...');
  checkErrors("forward .", '2: Missing argument after ".": expected forward FROM TO...');
  checkErrors(
    "forward . example.org 192.0.2",
    `2: ${wanted} "example.org": host names are not looked up: write the server's address`,
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
    '2: Unknown scheme "udp://" of an upstream: expected "dns://" or "tls://"',
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
