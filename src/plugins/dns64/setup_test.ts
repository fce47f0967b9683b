import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIpAddress } from "../../std/ip_address.ts";
import { readSetup } from "../testing.ts";
import { dns64Setup } from "./setup.ts";

test("dns64 reads a prefix and options", () => {
  const cases: [directive: string, prefix: string, translateAll: boolean, allowIpv4: boolean][] = [
    ["dns64", "64:ff9b::/96", false, false],
    ["dns64 2001:db8::/32", "2001:db8::/32", false, false],
    ["dns64 64:1337::1/96", "64:1337::/96", false, false],
    ["dns64 {\nprefix 64:1337::/64\n}", "64:1337::/64", false, false],
    ["dns64 {\ntranslate_all\nallow_ipv4\n}", "64:ff9b::/96", true, true],
  ];
  for (const [directive, prefix, translateAll, allowIpv4] of cases) {
    const { settings, view, problems } = readSetup(dns64Setup, directive);
    assert.deepEqual(problems, [], directive);
    const { bytes, bits } = settings.prefix;
    assert.equal(`${formatIpAddress(Uint8Array.from(bytes))}/${bits}`, prefix);
    assert.equal(settings.translateAll, translateAll);
    assert.equal(settings.allowIpv4, allowIpv4);
    assert.deepEqual(view.plugins, [{ plugin: "dns64", settings }]);
  }
});

test("dns64 says what is wrong", () => {
  const length = "expected a length of 32, 40, 48, 56, 64 or 96";
  const example = "expected an IPv6 prefix such as 64:ff9b::/96";
  const cases: [directives: string, problem: string][] = [
    ["dns64 a b", '2: Unexpected "b" after "dns64": expected dns64 [PREFIX]'],
    ["dns64 64:ff9b::", `2: Cannot read prefix: ${example}, got "64:ff9b::"`],
    ["dns64 10.0.0.0/8", `2: Cannot read prefix: ${example}, got "10.0.0.0/8"`],
    ["dns64 64:ff9b::/72", `2: Cannot read prefix: ${length}, got "64:ff9b::/72"`],
    ["dns64 64:ff9b::/128", `2: Cannot read prefix: ${length}, got "64:ff9b::/128"`],
    [
      "dns64 64:0:0:0:ff00::/96",
      '2: Cannot read prefix: expected bits 64 to 71 to be 0 (RFC 6052 §2.2), got "64:0:0:0:ff00::/96"',
    ],
    ["dns64 {\nprefix\n}", '3: Missing argument after "prefix": expected prefix PREFIX'],
    [
      "dns64 {\nallow_ipv4 yes\n}",
      '3: Unexpected "yes" after "allow_ipv4": expected allow_ipv4 alone',
    ],
    ["dns64 {\nallow_ipv\n}", '3: Unknown option "allow_ipv": did you mean "allow_ipv4"?'],
    ["dns64\ndns64", '3: Cannot use "dns64" twice in a server block: already at Corefile:2'],
  ];
  for (const [directives, problem] of cases) {
    assert.deepEqual(readSetup(dns64Setup, directives).problems, [problem], directives);
  }
});
