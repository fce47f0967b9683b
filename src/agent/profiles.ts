/** What `pprof` serves: profiles of the control plane, by the engine's own means. */

import process from "node:process";
import type { HttpAnswer, HttpRoutes } from "../metrics/http_server.ts";

const SECONDS_STANDARD = 30;
const SECONDS_MAX = 300;
const JSON_TYPE = "application/json";

const INDEX = `<!doctype html>
<title>nodens: profiles</title>
<ul>
<li><a href="profile?seconds=30">profile</a>: the control plane for 30 s, as .cpuprofile</li>
<li><a href="heap">heap</a>: statistics of memory</li>
<li><a href="heap?snapshot=1">heap snapshot</a>, as .heapsnapshot</li>
</ul>
`;

let isProfiling = false;

export const PROFILE_ROUTES: HttpRoutes = {
  "/debug/pprof/": () => ({ status: 200, body: INDEX, contentType: "text/html; charset=utf-8" }),
  "/debug/pprof/profile": (query) => cpuProfile(query.get("seconds")),
  "/debug/pprof/heap": (query) => (query.has("snapshot") ? heapSnapshot() : heapStatistics()),
};

async function cpuProfile(asked: string | null): Promise<HttpAnswer> {
  const seconds = asked === null ? SECONDS_STANDARD : Number(asked);
  if (!(seconds > 0 && seconds <= SECONDS_MAX)) {
    const text = `Cannot read seconds: expected a number up to ${SECONDS_MAX}, got "${asked}"\n`;
    return { status: 400, body: text };
  }
  if ("deno" in process.versions) {
    return { status: 501, body: "Cannot profile: Deno has no profiler for its own program\n" };
  }
  if (isProfiling) return { status: 409, body: "Cannot profile: another profile is being taken\n" };
  isProfiling = true;
  try {
    const { Session } = await import("node:inspector/promises");
    const session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    return { status: 200, body: JSON.stringify(profile), contentType: JSON_TYPE };
  } finally {
    isProfiling = false;
  }
}

async function heapStatistics(): Promise<HttpAnswer> {
  const { getHeapSpaceStatistics, getHeapStatistics } = await import("node:v8");
  const statistics = {
    memory: process.memoryUsage(),
    heap: getHeapStatistics(),
    spaces: "deno" in process.versions ? [] : getHeapSpaceStatistics(),
  };
  return {
    status: 200,
    body: `${JSON.stringify(statistics, null, 2)}\n`,
    contentType: JSON_TYPE,
  };
}

async function heapSnapshot(): Promise<HttpAnswer> {
  if ("deno" in process.versions) {
    return { status: 501, body: "Cannot take a snapshot: Deno has none of its own program\n" };
  }
  const { getHeapSnapshot } = await import("node:v8");
  return { status: 200, body: getHeapSnapshot(), contentType: JSON_TYPE };
}
