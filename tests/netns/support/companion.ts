/**
 * Programs of ours that run inside a namespace and are talked to by messages: one message, one
 * reply. They end with their parent, however that ends: the channel is gone then.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { enter } from "./namespaces.ts";

export interface Companion {
  readonly child: ChildProcess;
  readonly pid: number;
  /** @throws {Error} when it has ended, or could not do it. */
  request<Reply>(message: unknown): Promise<Reply>;
  stop(): Promise<void>;
}

interface Envelope {
  readonly number: number;
  readonly body: unknown;
  readonly error?: string;
}

/** Starts `file`, beside this one, and waits for its first message. */
export async function startCompanion(
  namespace: string,
  file: string,
  settings: unknown,
): Promise<Companion> {
  const [program = "", ...words] = enter(namespace);
  const path = join(import.meta.dirname, file);
  const parameters = ["--disable-warning=ExperimentalWarning", path, JSON.stringify(settings)];
  const child = spawn(program, [...words, process.execPath, ...parameters], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // A Ctrl-C is for the one who started it.
    detached: true,
  });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "close");
  const waiting = new Map<number, (reply: Envelope) => void>();
  const fail = () => {
    for (const [number, settle] of waiting) {
      settle({ number, body: null, error: complaint.trim() || "it has ended" });
    }
    waiting.clear();
  };
  child.on("close", fail);
  child.on("message", (reply: Envelope) => {
    waiting.get(reply.number)?.(reply);
    waiting.delete(reply.number);
  });
  const replyTo = <Reply>(number: number) =>
    new Promise<Reply>((resolve, reject) => {
      waiting.set(number, ({ body, error }) => {
        if (error === undefined) resolve(body as Reply);
        else reject(new Error(`Cannot get a reply of ${file}: ${error}`));
      });
      if (child.exitCode !== null || child.signalCode !== null) fail();
    });
  let lastNumber = 0;
  await replyTo(lastNumber);
  return {
    child,
    pid: child.pid ?? 0,
    request<Reply>(body: unknown) {
      const number = ++lastNumber;
      if (child.connected) child.send({ number, body });
      return replyTo<Reply>(number);
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** What the parent has said at start. */
export function settingsOfParent<Settings>(): Settings {
  return JSON.parse(process.argv[2] ?? "{}") as Settings;
}

/** The companion's side: says that it is ready, and replies to every message. */
export function serveParent(reply: (message: never) => unknown): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", async ({ number, body }: Envelope) => {
    try {
      send({ number, body: await reply(body as never) });
    } catch (error) {
      send({ number, body: null, error: String(error) });
    }
  });
  send({ number: 0, body: null });
}

function send(envelope: Envelope): void {
  if (process.connected) process.send?.({ ...envelope, body: envelope.body ?? null });
}
