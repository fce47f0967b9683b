import assert from "node:assert/strict";
import { test } from "node:test";
import * as errno from "./errno.ts";

test("errnoName() and errnoText() know every number of this module, with either sign", () => {
  for (const [name, code] of Object.entries(errno)) {
    if (typeof code !== "number") continue;
    assert.equal(errno.errnoName(code), name);
    assert.equal(errno.errnoName(-code), name);
    assert.match(errno.errnoText(-code), new RegExp(`^[a-z/ ]+ \\(${name}\\)$`));
  }
});

test("errnoName() answers the number where there is no name", () => {
  assert.equal(errno.errnoName(-4242), "errno 4242");
  assert.equal(errno.errnoText(4242), "errno 4242");
});

test("SysError says what was tried, why it failed and what to do", () => {
  const error = new errno.SysError("bind UDP 127.0.0.1:53", -errno.EACCES);
  const advice = "ports below 1024 need root or CAP_NET_BIND_SERVICE";
  assert.equal(
    error.message,
    `Cannot bind UDP 127.0.0.1:53: permission denied (EACCES): ${advice}`,
  );
  assert.equal(
    new errno.SysError("read", errno.EIO).message,
    "Cannot read: input/output error (EIO)",
  );
  assert.deepEqual([error.errno, error.code], [errno.EACCES, "EACCES"]);
});
