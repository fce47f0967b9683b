import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServerKey } from "./server_key.ts";

/** Zones joined by spaces, then the port; or the problem. */
function check(text: string, expected: string): void {
  const { key, problem } = parseServerKey(text, 53);
  assert.equal(key === null ? problem : `${key.zones.join(" ")} ${key.port}`, expected, text);
}

test("parseServerKey() reads zone, port and scheme", () => {
  check(".", ". 53");
  check(":5353", ". 5353");
  check(".:5353", ". 5353");
  check("Example.org", "example.org. 53");
  check("example.org.:0", "example.org. 0");
  check("dns://example.org:1053", "example.org. 1053");
  check("DNS://.", ". 53");
});

test("parseServerKey() gives the reverse zones of a CIDR prefix", () => {
  check("10.0.0.0/24", "0.0.10.in-addr.arpa. 53");
  check("10.0.0.0/8:5353", "10.in-addr.arpa. 5353");
  check("10.1.2.3/16", "1.10.in-addr.arpa. 53");
  check("0.0.0.0/0", "in-addr.arpa. 53");
  check("192.0.2.7/32", "7.2.0.192.in-addr.arpa. 53");
  check(
    "10.0.4.0/22",
    ["4", "5", "6", "7"].map((n) => `${n}.0.10.in-addr.arpa.`).join(" ") + " 53",
  );
  check("10.0.0.128/31", "128.0.0.10.in-addr.arpa. 129.0.0.10.in-addr.arpa. 53");
  check("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa. 53");
  check("2001:db8::/31:5353", "8.b.d.0.1.0.0.2.ip6.arpa. 9.b.d.0.1.0.0.2.ip6.arpa. 5353");
  check("2001:DB8:a::/48", "a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 53");
});

test("parseServerKey() says what is wrong and what was expected", () => {
  check("example.org:", "Cannot read address \"example.org:\": expected a port after ':'");
  check(":", "Cannot read address \":\": expected a port after ':'");
  check(".:70000", 'Cannot read port of ".:70000": expected a number from 0 to 65535');
  check("a..b", 'Cannot read zone "a..b": expected no empty label');
  check("a,b", "Cannot read zone \"a,b\": expected a space after ','");
  check("a{", "Cannot read zone \"a{\": expected a space before '{'");
  check("10.0.0.0/33", 'Cannot read zone "10.0.0.0/33": expected a mask up to 32');
  check("::/0", 'Cannot read zone "::/0": invalid CIDR: expected its zone below ip6.arpa');
  check(
    "tls://example.org",
    'Cannot serve "tls://example.org": this version serves plain DNS only, no tls://',
  );
  check("http://example.org", 'Unknown scheme "http://": expected "dns://"');
});
