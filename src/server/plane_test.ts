import assert from "node:assert/strict";
import { test } from "node:test";
import { SimServer } from "../../tests/support/sim_server.ts";
import { UPSTREAMS_MAX } from "../limits.ts";

/** `count` server blocks, each with an upstream of its own. */
function corefile(count: number): string {
  return Array.from(
    { length: count },
    (_, number) => `z${number}.example.org:53 {\n forward . 192.0.2.${number + 1}\n}\n`,
  ).join("");
}

test("Plane() takes as many upstreams as its tables have room for, and says so beyond", () => {
  new SimServer({ corefile: corefile(UPSTREAMS_MAX) });
  assert.throws(() => new SimServer({ corefile: corefile(UPSTREAMS_MAX + 1) }), {
    message: /expected at most 64 different upstreams/,
  });
});
