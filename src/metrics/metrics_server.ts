/**
 * `GET /metrics`. Several processes may share the port, as two instances do during an update. What
 * is served is less important than DNS: whatever goes wrong here is reported, and tried again.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { CONTENT_TYPE } from "./registry.ts";

export interface MetricsServerOptions {
  /** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` for every address, or `0` for none at all. */
  readonly address: string;
  /** Gives the body of an answer. */
  readonly text: () => string;
  /** Called with a sentence when the port cannot be had, once per reason. */
  readonly onProblem: (message: string) => void;
  /** Called whenever it listens. */
  readonly onListening?: (port: number) => void;
  /** Between attempts to listen. @default {5_000} */
  readonly retryMs?: number;
}

export interface MetricsServer {
  /** Frees the port and ends all connections. */
  close(): Promise<void>;
}

const RETRY_MS = 5_000;
const REQUEST_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;
/** A scraper holds one. */
const CONNECTIONS_MAX = 32;

/** Starts to serve. Never throws, and never keeps the process alive. */
export function startMetricsServer(options: MetricsServerOptions): MetricsServer {
  const { address, retryMs = RETRY_MS } = options;
  const place = parseListenAddress(address);
  if (place === null) return { close: async () => {} };
  let lastProblem = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  const server = makeServer(options);
  const listen = () => {
    server.listen({ ...place, reusePort: true });
    server.unref();
  };
  server.on("listening", () => {
    lastProblem = "";
    const bound = server.address();
    options.onListening?.(typeof bound === "object" && bound !== null ? bound.port : place.port);
  });
  server.on("error", (error: NodeJS.ErrnoException) => {
    if (isClosed) return;
    const problem = `Cannot serve metrics on ${address}: ${describe(error)}`;
    if (problem !== lastProblem) {
      lastProblem = problem;
      options.onProblem(`${problem}: trying again every ${retryMs / 1_000} s`);
    }
    if (server.listening) return;
    clearTimeout(timer);
    timer = setTimeout(listen, retryMs);
    timer.unref();
  });
  listen();
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      return closeServer(server);
    },
  };
}

interface Place {
  /** Left out for every address of either family. */
  readonly host?: string;
  readonly port: number;
}

/** @returns null for `0`, which asks for none. */
function parseListenAddress(address: string): Place | null {
  const match = /^(?:\[([^\]]*)\]|([^[\]]*)):([0-9]+)$/.exec(address);
  if (match === null) return null;
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  return host === "" ? { port } : { host, port };
}

function makeServer(options: MetricsServerOptions): Server {
  const server = createServer((request, response) => {
    try {
      answer(request, response, options);
    } catch (error) {
      options.onProblem(`Cannot answer a request for metrics: ${describe(error as Error)}`);
      send(response, 500, "Internal error\n");
    }
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_MS_MAX;
  server.headersTimeout = REQUEST_MS_MAX;
  server.keepAliveTimeout = IDLE_MS_MAX;
  server.on("connection", (socket) => socket.unref());
  return server;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { text }: MetricsServerOptions,
): void {
  const path = (request.url ?? "").replace(/\?.*$/s, "");
  if (path !== "/metrics") {
    send(response, 404, "Not found: metrics are at /metrics\n");
  } else if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    send(response, 405, "Only GET and HEAD\n");
  } else {
    send(response, 200, text(), CONTENT_TYPE);
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.statusCode = status;
  response.setHeader("Content-Type", contentType);
  response.end(body);
}

function describe(error: NodeJS.ErrnoException): string {
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: "the port is in use by another process",
    EADDRNOTAVAIL: "the address is not of this machine",
    EACCES: "the port needs the capability CAP_NET_BIND_SERVICE",
  };
  return known[error.code ?? ""] ?? error.message;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
