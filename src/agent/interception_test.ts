import assert from "node:assert/strict";
import { test } from "node:test";
import { type Lease, NetError } from "../net/lease.ts";
import type { Rule } from "../net/rule.ts";
import { Interception } from "./interception.ts";
import type { InterceptionParts } from "./interception_parts.ts";
import type { ProbeResult } from "./probe.ts";

const ADDRESS = "192.0.2.10";
const RULE: Rule = {
  ...{ family: 4, table: "raw", chain: "OUTPUT", words: ["-j", "NOTRACK"] },
  ...{ comment: "test", reason: "test" },
};
const OURS = { ours: 1, siblings: 0, strangers: 0, silent: 0 };
const STRANGER = { ours: 0, siblings: 0, strangers: 1, silent: 0 };
const SILENT = { ours: 0, siblings: 0, strangers: 0, silent: 1 };

/** Parts that do what the test says and note what is asked of them. */
class Fixture {
  readonly did: string[] = [];
  readonly said: string[] = [];
  nowMs = 1000;
  trouble: string | null = null;
  probe: ProbeResult = OURS;
  isShared = false;
  queries = 0;
  changes = { links: false, rules: false };
  isWhole = true;
  isHeld = false;
  /** What the next calls of `applyRules` and `removeRules` do instead. */
  readonly rulesFail: Error[] = [];
  mendable = 0;
  /** Called in the middle of `take`. */
  whileTaking: () => void = () => {};
  readonly interception: Interception;

  constructor(skipTeardown = false, kind: Lease["kind"] = "tun") {
    this.interception = new Interception(this.#parts(kind), {
      addresses: [ADDRESS],
      syncIntervalMs: 60_000,
      skipTeardown,
      setupInterface: true,
    });
  }

  /** Lets time pass and gives interception its turn. */
  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    await this.interception.tick();
    // What is not waited for, rules, has its turn too.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What was done since the last call. */
  takeDone(): string {
    return this.did.splice(0).join(" ");
  }

  async taken(): Promise<this> {
    this.interception.prepare();
    await this.pass(0);
    assert.equal(this.interception.isIntercepting, true);
    // What was left for later.
    await this.pass(0);
    this.takeDone();
    this.said.splice(0);
    return this;
  }

  #parts(kind: Lease["kind"]): InterceptionParts {
    const { did, said } = this;
    const lease: Lease = {
      kind,
      open: async () => void did.push("open"),
      take: async () => {
        did.push("take");
        await null;
        this.whileTaking();
      },
      drop: async () => void did.push("drop"),
      isWhole: async () => this.isWhole,
      isHeldByOthers: () => this.isHeld,
      close: async () => void did.push("close"),
    };
    const failing = () => {
      const error = this.rulesFail.shift();
      if (error !== undefined) throw error;
    };
    return {
      openLease: async () => {
        await lease.open();
        return lease;
      },
      desiredRules: () => [RULE],
      refresh: async () => {},
      applyRules: async () => {
        did.push("rules");
        failing();
        return this.mendable;
      },
      keptRules: () => [],
      removeRules: async () => {
        did.push("unrules");
        failing();
      },
      pollChanges: () => this.changes,
      proveWorkers: async () => {
        did.push("prove");
        return this.trouble;
      },
      probeAddress: async () => {
        did.push("probe");
        return this.probe;
      },
      isShared: () => this.isShared,
      queryCount: () => this.queries,
      nowMs: () => this.nowMs,
      events: {
        info: (text) => said.push(`info ${text}`),
        warn: (text) => said.push(`warn ${text}`),
        failed: (type, text) => said.push(`failed ${type} ${text}`),
        changed: (change) => said.push(`changed ${change}`),
      },
    };
  }
}

test("start() has rules first, proves worker and upstream, takes the addresses, then asks there", async () => {
  const fixture = new Fixture();
  fixture.interception.prepare();
  await fixture.interception.start();
  await fixture.interception.ready;
  assert.equal(fixture.takeDone(), "open rules prove take probe");
  assert.deepEqual(fixture.said, ["changed taken", `info intercepting ${ADDRESS}, lease tun`]);
  await fixture.interception.release();
  await fixture.interception.close();
  assert.equal(fixture.takeDone(), "drop drop unrules close");
});

test("lookAnew() has rules brought up to date at the next look, not at the next full check", async () => {
  const fixture = await new Fixture().taken();
  await fixture.pass(1);
  assert.equal(fixture.takeDone(), "");
  fixture.interception.lookAnew();
  await fixture.pass(1);
  assert.equal(fixture.takeDone(), "rules");
});

test("tick() takes nothing while the upstream is silent, says so once, and waits longer each time", async () => {
  const fixture = new Fixture();
  fixture.trouble = "no upstream answers";
  await fixture.pass(0);
  assert.equal(fixture.takeDone(), "open rules prove drop");
  await fixture.pass(499);
  assert.equal(fixture.takeDone(), "");
  await fixture.pass(1);
  assert.equal(fixture.takeDone(), "rules prove drop");
  await fixture.pass(500);
  assert.equal(fixture.takeDone(), "");
  fixture.trouble = null;
  await fixture.pass(500);
  assert.equal(fixture.takeDone(), "rules prove take probe");
  assert.equal(fixture.said[0], "warn Cannot intercept yet: no upstream answers");
  assert.equal(fixture.said.length, 3);
});

test("tick() gives up at once where somebody else, or nobody, answers", async () => {
  for (const [probe, text] of [
    [STRANGER, "somebody else answers there"],
    [SILENT, "queries sent there do not come to us"],
  ] as const) {
    const fixture = new Fixture();
    fixture.probe = probe;
    await fixture.pass(0);
    assert.match(fixture.takeDone(), /^open rules prove take( probe)+ drop$/);
    assert.equal(fixture.interception.isIntercepting, false);
    assert.match(fixture.said.join(), new RegExp(`^warn Cannot intercept ${ADDRESS}: ${text}`));
  }
});

test("tick() takes and keeps an address that another agent of this node answers at as well", async () => {
  const fixture = new Fixture();
  fixture.isShared = true;
  fixture.probe = STRANGER;
  await fixture.pass(0);
  assert.equal(fixture.interception.isIntercepting, false, "nothing came to us");
  fixture.probe = { ...STRANGER, ours: 1 };
  await fixture.pass(500);
  assert.equal(fixture.interception.isIntercepting, true);
  const shares = `info shares ${ADDRESS} with another DNS server of this node until that ends`;
  assert.equal(fixture.said.filter((text) => text === shares).length, 1);
  fixture.probe = STRANGER;
  for (let second = 0; second < 5; second++) await fixture.pass(1000);
  assert.equal(fixture.interception.isIntercepting, true);
  fixture.isShared = false;
  for (let second = 0; second < 3; second++) await fixture.pass(1000);
  assert.equal(fixture.interception.isIntercepting, false, "who answers there is not of this node");
});

test("tick() does not ask from the node where only pods are intercepted", async () => {
  const fixture = new Fixture(false, "socket");
  fixture.probe = STRANGER;
  for (let second = 0; second < 5; second++) await fixture.pass(1000);
  assert.equal(fixture.interception.isIntercepting, true);
  assert.equal(fixture.did.includes("probe"), false);
});

test("tick() mends link and rules when they have changed, rules no more often than every 2.5 s", async () => {
  const fixture = await new Fixture().taken();
  fixture.changes = { links: true, rules: true };
  await fixture.pass(500);
  assert.equal(fixture.takeDone(), "", "the link is whole; rules were just read");
  fixture.isWhole = false;
  fixture.mendable = 2;
  await fixture.pass(2000);
  assert.equal(fixture.takeDone(), "take rules probe");
  assert.deepEqual(fixture.said.sort(), [
    "changed mended",
    "changed mended",
    "warn mended 2 rules, which somebody else had changed",
    "warn mended link and addresses, which somebody else had changed",
  ]);
});

test("tick() goes on while rules cannot be mended, and tries again", async () => {
  const fixture = await new Fixture().taken();
  fixture.changes = { links: false, rules: true };
  fixture.rulesFail.push(new NetError("iptables_lock", "held"), new NetError("iptables", "gone"));
  await fixture.pass(2500);
  fixture.changes = { links: false, rules: false };
  await fixture.pass(2500);
  await fixture.pass(2500);
  await fixture.pass(2500);
  assert.equal(fixture.interception.isIntercepting, true);
  assert.equal(fixture.did.filter((what) => what === "rules").length, 3);
  assert.deepEqual(fixture.said, ["failed iptables_lock held", "failed iptables gone"]);
});

test("tick() checks everything once per sync interval, without any sign of a change", async () => {
  const fixture = await new Fixture().taken();
  await fixture.pass(59_000);
  assert.equal(fixture.takeDone(), "probe");
  fixture.isWhole = false;
  await fixture.pass(1000);
  assert.equal(fixture.takeDone(), "rules take probe");
});

test("tick() lets go at the third probe that somebody else answers, and comes back later", async () => {
  const fixture = await new Fixture().taken();
  fixture.probe = STRANGER;
  await fixture.pass(1000);
  await fixture.pass(1000);
  assert.equal(fixture.interception.isIntercepting, true);
  await fixture.pass(1000);
  assert.equal(fixture.interception.isIntercepting, false);
  assert.equal(fixture.takeDone(), "probe probe probe drop");
  assert.equal(fixture.said[0], "changed dropped");
  fixture.probe = OURS;
  await fixture.pass(499);
  assert.equal(fixture.takeDone(), "");
  await fixture.pass(1);
  assert.equal(fixture.takeDone(), "rules prove take probe");
});

test("tick() lets go at the third silent probe, unless clients' queries come in", async () => {
  const quiet = await new Fixture().taken();
  quiet.probe = SILENT;
  for (let second = 0; second < 3; second++) await quiet.pass(1000);
  assert.equal(quiet.interception.isIntercepting, false);

  const busy = await new Fixture().taken();
  busy.probe = SILENT;
  for (let second = 0; second < 6; second++) {
    busy.queries += 1000;
    await busy.pass(1000);
  }
  assert.equal(busy.interception.isIntercepting, true);
  assert.ok(busy.did.includes("rules"), "it looks whether all is in place");
});

test("suspend() lets go until resume()", async () => {
  const fixture = await new Fixture().taken();
  await fixture.interception.suspend("worker 1 hangs");
  await fixture.pass(60_000);
  assert.equal(fixture.takeDone(), "drop");
  assert.deepEqual(fixture.said, [
    "changed dropped",
    "warn gave the addresses back: worker 1 hangs",
  ]);
  fixture.interception.resume();
  await fixture.pass(0);
  assert.equal(fixture.takeDone(), "rules prove take probe");
});

test("release() in the middle of a take has the last word", async () => {
  const fixture = new Fixture();
  let released: Promise<void> | null = null;
  fixture.whileTaking = () => {
    released ??= fixture.interception.release();
  };
  await fixture.pass(0);
  await released;
  assert.equal(fixture.takeDone(), "open rules prove take drop probe drop");
  assert.equal(fixture.interception.isIntercepting, false);
});

test("suspend() in the middle of a take has the last word", async () => {
  const fixture = new Fixture();
  fixture.whileTaking = () => void fixture.interception.suspend("worker 1 hangs");
  await fixture.pass(0);
  assert.equal(fixture.takeDone(), "open rules prove take drop probe drop");
  assert.equal(fixture.interception.isIntercepting, false);
});

test("hasSuccessor is another instance, or an agent at each of our addresses", async () => {
  const fixture = await new Fixture().taken();
  assert.equal(fixture.interception.hasSuccessor, false);
  fixture.isHeld = true;
  assert.equal(fixture.interception.hasSuccessor, true);
  fixture.isHeld = false;
  fixture.isShared = true;
  assert.equal(fixture.interception.hasSuccessor, true);
  await fixture.interception.release();
  await fixture.interception.close();
  assert.match(fixture.takeDone(), /unrules/, "an agent's rules are its own, and ours go");
});

test("close() leaves the rules to another instance that holds the addresses", async () => {
  const fixture = await new Fixture().taken();
  await fixture.interception.release();
  fixture.isHeld = true;
  await fixture.interception.close();
  assert.equal(fixture.takeDone(), "drop drop close");
});

test("close() waits for the lock of others, and for nothing else that fails", async () => {
  const fixture = await new Fixture().taken();
  fixture.rulesFail.push(new NetError("iptables_lock", "held"), new NetError("iptables", "hangs"));
  await fixture.interception.close();
  assert.equal(fixture.takeDone(), "unrules unrules close");
});

test("release() and close() with -skipteardown leave rules, and a link that lasts", async () => {
  const tun = await new Fixture(true).taken();
  await tun.interception.release();
  await tun.interception.close();
  assert.equal(tun.takeDone(), "drop drop");
  const none = await new Fixture(true, "none").taken();
  await none.interception.release();
  await none.interception.close();
  assert.equal(none.takeDone(), "");
});
