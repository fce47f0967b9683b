/** `nodens install` and `nodens uninstall` on machines with each way to keep DNS servers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LINKED_FILE, OPENRESOLV, PLAIN_FILE, RESOLVCONF, RESOLVED } from "./support/setups.ts";
import { ADDRESS, assertSame, INSTALLED, Stage } from "./support/stage.ts";

for (const setup of [RESOLVED, RESOLVCONF, OPENRESOLV, PLAIN_FILE, LINKED_FILE]) {
  test(`nodens install serves a machine with ${setup.name}, through DHCP, and leaves no trace`, async (context) => {
    const stage = await Stage.make(context, setup);
    const { machine } = stage;
    const before = await stage.snapshot();
    const plan = await stage.install("-dry-run");
    assert.match(plan, /would write \/etc\/nodens\/Corefile:/);
    assertSame(await stage.snapshot(), before);

    const said = await stage.install();
    assert.ok(said.includes(`resolver is ${setup.described}\n`), said);
    assert.equal(await machine.property("nodens", "StatusText"), `Ready: answers on ${ADDRESS}:53`);
    await stage.answersFrom(0, "first");
    await stage.asksNodens("again");

    await stage.fallsBackTo(0);
    const installed = await stage.snapshot();
    const pid = await machine.property("nodens", "MainPID");
    assert.match(await machine.run(INSTALLED, "install", "-systemd"), /^nothing to do: /m);
    assertSame(await stage.snapshot(), installed);
    assert.equal(await machine.property("nodens", "MainPID"), pid);

    await stage.getLease(1);
    await stage.answersFrom(1, "second");
    await stage.asksNodens("third");

    await stage.getLease(0);
    await machine.run(INSTALLED, "uninstall", "-purge");
    assertSame(await stage.snapshot(), before);
    await stage.answersFrom(0, "fourth");
  });
}
