/** `GET /metrics` by itself, as node-cache has it beside that of CoreDNS. */

import { HttpServer, type HttpServerOptions } from "./http_server.ts";
import { CONTENT_TYPE } from "./registry.ts";

export interface MetricsServerOptions
  extends Pick<HttpServerOptions, "onProblem" | "onListening" | "retryMs"> {
  /** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` for every address, or `0` for none at all. */
  readonly address: string;
  /** Gives the body of an answer. */
  readonly text: () => string;
}

export interface MetricsServer {
  /** Frees the port and ends all connections. */
  close(): Promise<void>;
}

/** Starts to serve. Never throws, and never keeps the process alive. */
export function startMetricsServer({ text, ...options }: MetricsServerOptions): MetricsServer {
  const routes = {
    "/metrics": () => ({ status: 200, body: text(), contentType: CONTENT_TYPE, isLong: true }),
  };
  const server = new HttpServer({ ...options, what: "metrics", routes });
  return { close: () => server.close() };
}
