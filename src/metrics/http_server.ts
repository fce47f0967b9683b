/**
 * An HTTP server at one address, for what is of less importance than DNS: whatever goes wrong here
 * is reported, and tried again.
 *
 * Several processes may share the port, as two instances do during an update. An address that the
 * machine does not have yet is looked for twice a second: it may come with the lease.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { parseListenAddress } from "../plugins/listen_address.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly body: string | Readable;
  /** @default {"text/plain; charset=utf-8"} */
  readonly contentType?: string;
  /** Whether the body is worth being made smaller. @default {false} */
  readonly isLong?: boolean;
}

/** @param query of the address. */
export type HttpHandler = (query: URLSearchParams) => HttpAnswer | Promise<HttpAnswer>;

/** Who answers at each path. */
export type HttpRoutes = Readonly<Record<string, HttpHandler>>;

export interface HttpServerOptions {
  /** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` for every address; anything else is none at all. */
  readonly address: string;
  /** What is served there, for messages: `metrics`. */
  readonly what: string;
  readonly routes: HttpRoutes;
  /** Called with a sentence when the port cannot be had, once per reason. */
  readonly onProblem: (message: string) => void;
  /** Called whenever it listens. */
  readonly onListening?: (port: number) => void;
  /** Between attempts to listen. @default {5_000} */
  readonly retryMs?: number;
}

const RETRY_MS = 5_000;
const RETRY_ABSENT_MS = 500;
/** The machine does not have the address; the second is what Deno says then. */
const ABSENT_CODES: readonly string[] = ["EADDRNOTAVAIL", "EINVAL"];
/** At a start the address may be one that is about to be taken over: then nothing is wrong. */
const ABSENT_TRIES_MAX = 3;
const REQUEST_MS_MAX = 5_000;
const IDLE_MS_MAX = 60_000;
/** A scraper holds one. */
const CONNECTIONS_MAX = 32;
const ABSENT_TEXT = "the address is not of this machine";
const TEXT = "text/plain; charset=utf-8";

export class HttpServer {
  /** What is served there, for messages. */
  what: string;
  /** May be changed at any time. */
  routes: HttpRoutes;
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #place: { readonly host?: string; readonly port: number } | null;
  #lastProblem = "";
  /** Tries in a row for which the machine did not have the address. */
  #absentCount = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** Starts to serve. Never throws, and never keeps the process alive. */
  constructor(options: HttpServerOptions) {
    const address = parseListenAddress(options.address);
    this.#options = options;
    this.what = options.what;
    this.routes = options.routes;
    this.#place = address === null ? null : placeOf(address);
    this.#server = this.#makeServer();
    this.#listen();
  }

  /** The port that it listens on; null while it cannot be had. */
  get port(): number | null {
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : null;
  }

  /** Frees the port and ends all connections. */
  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #listen(): void {
    if (this.#place === null) return;
    this.#server.listen({ ...this.#place, reusePort: true });
    this.#server.unref();
  }

  #makeServer(): Server {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.maxConnections = CONNECTIONS_MAX;
    server.requestTimeout = REQUEST_MS_MAX;
    server.headersTimeout = REQUEST_MS_MAX;
    server.keepAliveTimeout = IDLE_MS_MAX;
    server.on("connection", (socket) => socket.unref());
    server.on("listening", () => {
      this.#lastProblem = "";
      this.#absentCount = 0;
      this.#options.onListening?.(this.port ?? 0);
    });
    server.on("error", (error: NodeJS.ErrnoException) => this.#retry(error));
    return server;
  }

  #retry(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    const { address, onProblem, retryMs = RETRY_MS } = this.#options;
    const isAbsent = ABSENT_CODES.includes(error.code ?? "");
    const waitMs = isAbsent ? Math.min(retryMs, RETRY_ABSENT_MS) : retryMs;
    this.#absentCount = isAbsent ? this.#absentCount + 1 : 0;
    const isExpected = isAbsent && this.#absentCount <= ABSENT_TRIES_MAX;
    const problem = `Cannot serve ${this.what} on ${address}: ${describe(error)}`;
    if (problem !== this.#lastProblem && !isExpected) {
      this.#lastProblem = problem;
      onProblem(`${problem}: trying again every ${waitMs / 1_000} s`);
    }
    if (this.#server.listening) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#listen(), waitMs);
    this.#timer.unref();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const handler = Object.hasOwn(this.routes, path) ? this.routes[path] : undefined;
    if (handler === undefined) {
      const places = Object.keys(this.routes).join(", ");
      send(response, { status: 404, body: `Not found: there is ${places}\n` });
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      send(response, { status: 405, body: "Only GET and HEAD\n" });
      return;
    }
    try {
      const answer = await handler(new URLSearchParams(query));
      const takesGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
      send(response, answer, takesGzip && answer.isLong === true);
    } catch (error) {
      const text = describe(error as Error);
      this.#options.onProblem(`Cannot answer a request for ${this.what}: ${text}`);
      send(response, { status: 500, body: "Internal error\n" });
    }
  }
}

/** Go prefers IPv4 where a name has both, and so do those who write `localhost`. */
function placeOf({ host, port }: { readonly host: string; readonly port: number }) {
  if (host === "") return { port };
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}

function send(response: ServerResponse, answer: HttpAnswer, isZipped = false): void {
  const { status, body, contentType = TEXT } = answer;
  response.statusCode = status;
  response.setHeader("Content-Type", contentType);
  if (typeof body !== "string") {
    body.on("error", () => response.destroy());
    body.pipe(response);
  } else if (isZipped) {
    response.setHeader("Content-Encoding", "gzip");
    response.end(gzipSync(body));
  } else {
    response.end(body);
  }
}

function describe(error: NodeJS.ErrnoException): string {
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: "the port is in use by another process",
    EADDRNOTAVAIL: ABSENT_TEXT,
    EINVAL: ABSENT_TEXT,
    EACCES: "the port needs the capability CAP_NET_BIND_SERVICE",
  };
  return known[error.code ?? ""] ?? error.message;
}
