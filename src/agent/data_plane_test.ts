import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { type TestContext, test } from "node:test";
import { type MessagePort, receiveMessageOnPort, type Worker } from "node:worker_threads";
import { configNoteMemory } from "../handoff/config_note.ts";
import { announcedPlans, requestedStage, STAGE_STOP } from "../handoff/control.ts";
import type { ListenerPlan, Plan } from "../handoff/plan.ts";
import type { PlanMessage, WorkerMessage, WorkerStart } from "../handoff/worker_start.ts";
import { ADOPT_MS_MAX } from "../limits.ts";
import { DataPlane } from "./data_plane.ts";

/** A worker as the control plane sees it; what it does is what a test says. */
class FakeWorker extends EventEmitter {
  readonly start: WorkerStart;
  isEnded = false;

  constructor(start: WorkerStart) {
    super();
    this.start = start;
  }

  say(message: WorkerMessage): void {
    this.emit("message", message);
  }

  ready(): void {
    this.say({ kind: "ready", threadId: this.start.worker, ports: portsOf(this.start.plan, 0) });
  }

  /** The next plan that was sent to it. */
  take(): PlanMessage | null {
    const message = receiveMessageOnPort(this.start.plans)?.message as PlanMessage | undefined;
    return message ?? null;
  }

  /** Takes the next plan over. @returns its generation. */
  adopt(): number | null {
    const message = this.take();
    if (message === null) return null;
    const { number, plan } = message;
    this.say({ kind: "adopted", number, ports: portsOf(plan, this.start.worker) });
    return plan.generation;
  }

  refuse(): void {
    const { number } = this.take()!;
    this.say({ kind: "refused", number, message: "Cannot listen on 127.0.0.1:53" });
  }

  async terminate(): Promise<number> {
    this.isEnded = true;
    return 1;
  }

  end(): void {
    this.isEnded = true;
    this.emit("exit");
  }
}

function listener(parts: Partial<ListenerPlan>): ListenerPlan {
  const plain = { address: "127.0.0.1", port: 53, isTransparent: false, isPrivate: false };
  const timeouts = { readMs: 1, writeMs: 1, idleMs: 1 };
  return { ...plain, timeouts, zones: [], droppedScope: 0, ...parts };
}

const PRIVATE = listener({ port: 0, isPrivate: true });

function plan(generation: number, listeners: ListenerPlan[] = [listener({}), PRIVATE]): Plan {
  return { generation, listeners, views: [], upstreamRows: {}, pluginCounters: [] };
}

/** Private listeners have ports that tell the worker. */
function portsOf({ listeners }: Plan, worker: number): number[] {
  return listeners.map(({ isPrivate, port }) => (isPrivate ? 1000 + worker : port));
}

/** A data plane whose workers say that they are ready. */
async function setUp(workerCount: number) {
  const workers: FakeWorker[] = [];
  const closed: number[] = [];
  const dataPlane = new DataPlane({
    plan: plan(1),
    createCache: () => new SharedArrayBuffer(8),
    workerCount,
    hashSeed: 1,
    instance: "5eed",
    configMemory: configNoteMemory(),
    closeDescriptor: (fd) => void closed.push(fd),
    openBell: null,
    startWorker: (start) => {
      const worker = new FakeWorker(start as WorkerStart);
      workers.push(worker);
      queueMicrotask(() => worker.ready());
      return worker as unknown as Worker;
    },
  });
  await dataPlane.start();
  return { dataPlane, workers, closed };
}

/** What is to happen without time passing has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function useFakeTime(context: TestContext): void {
  context.mock.timers.enable({ apis: ["setTimeout"] });
}

/** Ports keep a process alive that were not closed. */
function close(workers: readonly FakeWorker[]): void {
  for (const { start } of workers) (start.plans as MessagePort).close();
}

test("DataPlane.adopt() goes from worker to worker", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoption = dataPlane.adopt(plan(2, [PRIVATE, listener({ port: 54 })]));
  await settled();
  assert.deepEqual([workers[1]!.take(), workers[0]!.adopt()], [null, 2]);
  // Where to ask a worker is known all the time, whichever plan it has.
  assert.deepEqual(dataPlane.privatePorts, [1000, 1000]);
  await settled();
  assert.deepEqual(dataPlane.privatePorts, [1001, 1000]);
  assert.equal(workers[1]!.adopt(), 2);
  assert.deepEqual(await adoption, { isAdopted: true, ports: [0, 54] });
  assert.deepEqual(dataPlane.privatePorts, [1001, 1002]);
  close(workers);
});

test("DataPlane.adopt() makes workers go back when one refuses, and says why", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoption = dataPlane.adopt(plan(2));
  await settled();
  workers[0]!.adopt();
  await settled();
  workers[1]!.refuse();
  await settled();
  assert.deepEqual([workers[0]!.adopt(), workers[1]!.adopt()], [1, 1]);
  const problem = "Cannot listen on 127.0.0.1:53";
  assert.deepEqual(await adoption, { isAdopted: false, problem, mayPass: true });
  close(workers);
});

test("DataPlane.adopt() says when a worker cannot go back", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoption = dataPlane.adopt(plan(2));
  await settled();
  workers[0]!.adopt();
  await settled();
  workers[1]!.refuse();
  await settled();
  workers[0]!.refuse();
  workers[1]!.adopt();
  const result = await adoption;
  assert.ok(!result.isAdopted);
  assert.match(result.problem, /: and a worker cannot go back: Cannot listen/);
  close(workers);
});

test("DataPlane.adopt() is not confused by what a worker says late", async (context) => {
  const { dataPlane, workers } = await setUp(1);
  useFakeTime(context);
  const late = dataPlane.adopt(plan(2));
  await settled();
  context.mock.timers.tick(ADOPT_MS_MAX);
  await settled();
  // Then the way back, which takes too long as well.
  context.mock.timers.tick(ADOPT_MS_MAX);
  const result = await late;
  assert.ok(!result.isAdopted && !result.mayPass);
  const next = dataPlane.adopt(plan(3));
  await settled();
  const [worker] = workers;
  // Three are announced, so that none lies there unread.
  assert.equal(announcedPlans(new Int32Array(worker!.start.controlMemory), 1), 3);
  assert.equal(worker!.adopt(), 2);
  let isSettled = false;
  void next.then(() => {
    isSettled = true;
  });
  await settled();
  assert.equal(isSettled, false);
  assert.deepEqual([worker!.adopt(), worker!.adopt()], [1, 3]);
  assert.equal((await next).isAdopted, true);
  close(workers);
});

test("DataPlane.adopt() takes one plan after the other", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoptions = [dataPlane.adopt(plan(2)), dataPlane.adopt(plan(3))];
  const seen: (number | null)[] = [];
  for (let step = 0; step < 4; step++) {
    await settled();
    seen.push(...workers.map((worker) => worker.adopt()));
  }
  assert.deepEqual(
    seen.filter((generation) => generation !== null),
    [2, 2, 3, 3],
  );
  assert.ok((await Promise.all(adoptions)).every(({ isAdopted }) => isAdopted));
  close(workers);
});

test("DataPlane.replace() of a worker that hangs in a change takes the change back", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoption = dataPlane.adopt(plan(2));
  await settled();
  workers[0]!.adopt();
  await settled();
  const replaced = dataPlane.replace(2);
  await settled();
  assert.equal(workers[0]!.adopt(), 1);
  const result = await adoption;
  assert.ok(!result.isAdopted && !result.mayPass);
  assert.match(result.problem, /hung/);
  assert.equal(await replaced, true);
  assert.equal(workers[2]!.start.plan.generation, 1);
  close(workers);
});

test("DataPlane.replace() starts a worker by the plan in effect when it starts", async () => {
  const { dataPlane, workers } = await setUp(2);
  const replaced = dataPlane.replace(1);
  const adoption = dataPlane.adopt(plan(2));
  for (let step = 0; step < 3; step++) {
    await settled();
    for (const worker of workers.slice(1)) worker.adopt();
  }
  assert.ok((await adoption).isAdopted && (await replaced));
  assert.equal(dataPlane.workers.length, 2);
  // Either it was started with the new plan, or it has got it since.
  const [, , fresh] = workers;
  const announced = announcedPlans(new Int32Array(fresh!.start.controlMemory), 1);
  assert.equal(announced, fresh!.start.plan.generation === 2 ? 0 : 1);
  close(workers);
});

test("DataPlane.adopt() does not wait for a worker that ends", async () => {
  const { dataPlane, workers } = await setUp(2);
  const adoption = dataPlane.adopt(plan(2));
  await settled();
  workers[0]!.adopt();
  await settled();
  workers[1]!.end();
  await settled();
  workers[0]!.adopt();
  const result = await adoption;
  assert.ok(!result.isAdopted);
  assert.match(result.problem, /ended/);
  assert.equal(dataPlane.failure, "A data-plane worker has ended");
  close(workers);
});

test("DataPlane.stop() ends though a worker is ended by force meanwhile", async () => {
  const { dataPlane, workers } = await setUp(1);
  const [worker] = workers;
  const stopped = dataPlane.stop();
  assert.equal(requestedStage(new Int32Array(worker!.start.controlMemory)), STAGE_STOP);
  assert.equal(await dataPlane.replace(1), true);
  await stopped;
  assert.equal(workers.length, 1);
  close(workers);
});
