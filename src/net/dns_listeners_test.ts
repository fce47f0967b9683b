import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesWithListener, udpListeners } from "./dns_listeners.ts";

const HEADER = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
const REST = "07 00000000:00000000 00:00000000 00000000     0        0 5017 2 0000000000000000 0";

test("addressesWithListener() reads both families and knows the port", () => {
  const ipv4 = [
    `  123: 0A0200C0:0035 00000000:0000 ${REST}`,
    `  124: 0B0200C0:0036 00000000:0000 ${REST}`,
    `  125: 00000000:0035 00000000:0000 ${REST}`,
  ];
  const any = "0".repeat(32);
  const ipv6 = ["B80D012000000000000000000A000000", any].map(
    (address) => `13032: ${address}:0035 ${any}:0000 ${REST}`,
  );
  const texts = [[HEADER, ...ipv4].join("\n"), [HEADER, ...ipv6].join("\n"), ""];
  assert.deepEqual([...addressesWithListener(texts, 53)], ["192.0.2.10", "2001:db8::a"]);
  assert.deepEqual([...addressesWithListener(texts, 54)], ["192.0.2.11"]);
});

test("udpListeners() names the inode of each socket", () => {
  const text = `  123: 0A0200C0:0035 00000000:0000 ${REST}`;
  assert.deepEqual(udpListeners([text], 53), [{ address: "192.0.2.10", inode: "5017" }]);
});
