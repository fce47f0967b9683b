/**
 * Starts and ends processes of the bench: pinned, with a directory of their own, ended by pid.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopLoads } from "../load.ts";
import { program } from "../programs.ts";
import type { Peer, PeerOptions } from "./peer.ts";
import { freePort } from "./ports.ts";

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;

/** A started process that answers DNS on 127.0.0.1. */
export interface Running {
  pid: number;
  port: number;
  stop(): Promise<void>;
}

/** A peer that runs. */
export interface RunningPeer extends Running {
  peer: Peer;
}

const running = new Set<Running>();

/** Ends every server and load that still runs; for the end of the program, whatever its cause. */
export async function stopAll(): Promise<void> {
  stopLoads();
  await Promise.all([...running].map((process) => process.stop()));
}

/** Starts `peer` on `cpu` and waits until it answers. */
export async function startPeer(
  peer: Peer,
  options: Omit<PeerOptions, "port" | "directory"> & { cpu: number },
): Promise<RunningPeer> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), `bench-${peer.id}-`));
  const words = peer.command({ ...options, port, directory });
  return { peer, ...(await startProcess(peer.id, words, { port, directory, cpu: options.cpu })) };
}

/** Starts the authoritative upstream for misses on `cpu`. */
export async function startUpstream(
  options: { cpu: number; ttlSec?: number; delayMs?: number } = { cpu: 0 },
): Promise<Running> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "bench-upstream-"));
  const words = [program("responder"), "--upstream", "--port", `${port}`];
  words.push("--ttl", `${options.ttlSec ?? 3600}`, "--delay-ms", `${options.delayMs ?? 0}`);
  return startProcess("upstream", words, { port, directory, cpu: options.cpu });
}

async function startProcess(
  name: string,
  words: string[],
  options: { port: number; directory: string; cpu: number },
): Promise<Running> {
  const logPath = join(options.directory, "log");
  const log = openSync(logPath, "w");
  /* The kernel ends the server if the bench itself is killed. */
  const pinned = ["--pdeathsig", "TERM", "taskset", "-c", `${options.cpu}`, ...words];
  const child = spawn("setpriv", pinned, {
    stdio: ["ignore", log, log],
    cwd: process.cwd(),
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  let stopping: Promise<void> | undefined;
  const self: Running = {
    pid: child.pid ?? 0,
    port: options.port,
    stop: () => {
      stopping ??= endChild(child, ended).then(() => {
        running.delete(self);
        rmSync(options.directory, { recursive: true, force: true });
      });
      return stopping;
    },
  };
  running.add(self);
  const answered = await answersSoon(options.port, child);
  if (!answered) {
    const said = readFileSync(logPath, "utf8").trim().split("\n").slice(-5).join("\n  ");
    const reason = child.exitCode === null ? "no answer" : `it exited with ${child.exitCode}`;
    await self.stop();
    throw new Error(`Cannot start ${name}: ${reason}: ${words.join(" ")}\n  ${said}`);
  }
  return self;
}

async function endChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** Asks for one A record every 20 ms until NOERROR comes. */
function answersSoon(port: number, child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const query = Buffer.from(
      "0001010000010000000000000870726f62653030310562656e6368027a7a00",
      "hex",
    );
    const message = Buffer.concat([query, Buffer.from([0, 1, 0, 1])]);
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    const timer = setInterval(() => {
      const isOver = child.exitCode !== null || Date.now() > deadlineMs;
      if (isOver || child.pid === undefined) finish(false);
      else socket.send(message, port, "127.0.0.1");
    }, 20);
    const finish = (isAnswered: boolean): void => {
      clearInterval(timer);
      socket.close();
      resolve(isAnswered);
    };
    socket.on("error", () => undefined);
    socket.on("message", (reply) => {
      if (reply.length > 12 && (reply[3] & 15) === 0 && reply.readUInt16BE(6) > 0) finish(true);
    });
  });
}
