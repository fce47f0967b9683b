/** Entry of a data-plane worker. It serves until it is told to stop; its event loop never runs. */

import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { PlanMessage, WorkerMessage, WorkerStart } from "./handoff/worker_start.ts";
import { serve, WORKER_SLAB_BYTES } from "./server/serve.ts";
import { finishCompiling } from "./sys/finish_compiling.ts";
import { openKernel } from "./sys/open_kernel.ts";

const start = workerData as WorkerStart;
const say = (message: WorkerMessage) => parentPort?.postMessage(message);

try {
  const descriptors = new Uint8Array(start.descriptorMemory);
  const kernel = openKernel(WORKER_SLAB_BYTES, start.originMs, descriptors);
  serve(start, kernel, {
    onReady: (ports) => say({ kind: "ready", ports, threadId: kernel.gettid() }),
    onRecords: () => say({ kind: "records" }),
    takePlan: () => (receiveMessageOnPort(start.plans)?.message as PlanMessage | undefined) ?? null,
    onAdopted: (number, ports) => say({ kind: "adopted", number, ports }),
    onRefused: (number, message) => say({ kind: "refused", number, message }),
    onSecure: (descriptor, upstream) => say({ kind: "secure", descriptor, upstream }),
  });
  say({ kind: "stopped" });
} catch (error) {
  say({ kind: "failed", message: (error as Error).message });
} finally {
  finishCompiling();
}
