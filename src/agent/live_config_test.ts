import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseFlags } from "../cli/go_flags.ts";
import { RUN_FLAGS, readRunOptions } from "../cli/run_flags.ts";
import type { Plan } from "../handoff/plan.ts";
import { LiveConfig } from "./live_config.ts";
import type { ReloadState } from "./reload.ts";

const ONE = ".:53 {\n  forward . 203.0.113.1\n}\n";
const OTHER = ".:53 {\n  whoami\n}\n";

async function setUp(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "nodens-live-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "Corefile");
  const write = (text: string) => writeFileSync(file, text);
  write(ONE);
  const options = readRunOptions(parseFlags(["-conf", file], RUN_FLAGS));
  const live = await LiveConfig.read(options);
  context.after(() => live.stop());
  const plans = [live.compile(live.config)];
  const taken = {
    live,
    write,
    plans,
    refuses: false,
    errorCount: 0,
    states: [] as ReloadState[],
    follow: () =>
      live.follow({
        note: (state) => taken.states.push(state),
        async take(plan: Plan) {
          plans.push(plan);
          return taken.refuses ? { problem: "Cannot listen", mayPass: false } : null;
        },
        noteErrors() {
          taken.errorCount += 1;
        },
      }),
  };
  return taken;
}

test("LiveConfig.reload() is not lost when it is asked for before anybody follows", async (context) => {
  const taken = await setUp(context);
  taken.write(`${ONE}example.org {\n  forward . 203.0.113.2\n}\n`);
  await taken.live.reload("signal");
  assert.equal(taken.plans.length, 1);
  taken.follow();
  await taken.live.reload("change");
  assert.equal(taken.plans.at(-1)!.views.length, 2);
});

test("LiveConfig keeps the ids of server blocks over a configuration that was refused", async (context) => {
  const taken = await setUp(context);
  taken.follow();
  taken.refuses = true;
  taken.write(OTHER);
  await taken.live.reload("signal");
  taken.refuses = false;
  taken.write(ONE.replace("203.0.113.1", "203.0.113.2"));
  await taken.live.reload("signal");
  const ids = taken.plans.map(({ views }) => views[0]!.id);
  assert.equal(ids.length, 3);
  assert.equal(ids[2], ids[0]);
  assert.notEqual(ids[1], ids[0]);
  const seen = taken.states.map((state) => [state.loadedCount, state.failedCount]);
  assert.deepEqual(seen, [
    [1, 0],
    [1, 1],
    [2, 1],
  ]);
});

test("LiveConfig tells of every reading that has errors, and counts what was refused", async (context) => {
  const taken = await setUp(context);
  taken.follow();
  const { live } = taken;
  const hash = live.state?.hash;
  for (const [text, errors] of [
    ["nonsense {\n", 1],
    ["nonsense {\n", 2],
    [ONE, 2],
  ] as const) {
    taken.write(text);
    await live.reload("signal");
    assert.equal(taken.errorCount, errors);
  }
  assert.equal(live.state?.failedCount, 2);
  assert.equal(live.state?.hash, hash);
});
