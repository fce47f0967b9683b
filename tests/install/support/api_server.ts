/**
 * An API server for the real kubectl, by plain HTTP on the loopback address: discovery, objects
 * with get, list, watch, create, patch and delete, logs, access reviews. What is not there: OpenAPI
 * (so `--validate=false`), tables, server-side apply, and `exec`, which kubectl speaks SPDY for: it
 * is `GET /exec/NAMESPACE/POD?word=...` here, which a wrapper around kubectl asks (run_script.ts).
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { readAccessQuestion } from "./access_review.ts";
import { mergePatch, strategicMergePatch } from "./merge_patch.ts";
import type { ObjectStore } from "./object_store.ts";
import type { Finished } from "./pod_runner.ts";
import {
  apiVersionOf,
  groupList,
  type KubeObject,
  RESOURCES,
  type Resource,
  resourceList,
} from "./resources.ts";

/** What goes beyond objects; answered by the fake cluster. */
export interface ServerParts {
  readonly store: ObjectStore;
  /** As `v1.31.2`. */
  readonly version: string;
  logs(pod: KubeObject, container: string | null): Promise<string>;
  exec(pod: KubeObject, words: readonly string[]): Promise<Finished>;
  /** Begins the end of an object; true if it is gone with that. */
  remove(object: KubeObject, options: DeleteOptions): boolean;
  /** Of `selfsubjectaccessreviews`: `create daemonsets`. */
  isAllowed(verb: string, resource: string): boolean;
  /** The kubelet's own configuration; null if it may not be read. */
  kubeletConfig(node: string): unknown;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
}

/** A request as tests look at it: `PATCH daemonsets/nodens`. */
interface Target {
  readonly resource: Resource;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly sub: string | null;
}

export class ApiServer {
  readonly #server: Server;
  readonly #parts: ServerParts;
  /** What has changed objects, in order: `POST services/nodens-upstream`. */
  readonly writes: string[] = [];

  private constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        fail(response, 500, "InternalError", String(error));
      });
    });
  }

  static async start(parts: ServerParts): Promise<ApiServer> {
    const server = new ApiServer(parts);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const path = url.pathname.replace(/\/$/, "");
    const known = this.#discovery(path);
    if (known !== null) return send(response, 200, known);
    if (path.endsWith("/selfsubjectaccessreviews")) return await this.#review(request, response);
    const exec = /^\/exec\/([^/]+)\/([^/]+)$/.exec(path);
    if (exec !== null) return await this.#exec(url, exec, response);
    const configz = /^\/api\/v1\/nodes\/([^/]+)\/proxy\/configz$/.exec(path);
    if (configz !== null) return this.#configz(configz[1] as string, response);
    const target = targetOf(path);
    if (target === null) return fail(response, 404, "NotFound", `there is no ${path}`);
    if (request.method === "GET") return await this.#read(url, target, response);
    await this.#write(request, target, response);
  }

  #discovery(path: string): unknown {
    if (path === "/version") return { gitVersion: this.#parts.version, major: "1" };
    if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
    if (path === "/apis") return groupList();
    if (path === "/api/v1") return resourceList("", "v1");
    const group = /^\/apis\/([^/]+)\/([^/]+)$/.exec(path);
    return group === null ? null : resourceList(group[1] as string, group[2] as string);
  }

  async #review(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { verb, resource } = readAccessQuestion(await buffer(request));
    const review = {
      kind: "SelfSubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      spec: {},
    };
    send(response, 201, { ...review, status: { allowed: this.#parts.isAllowed(verb, resource) } });
  }

  /** The exit code is in the first line, since a status would be kubectl's to explain. */
  async #exec(url: URL, [, namespace, name]: RegExpExecArray, response: ServerResponse) {
    const pod = this.#parts.store.get("Pod", name as string, namespace as string);
    if (pod === null) return fail(response, 404, "NotFound", `pods "${name}" not found`);
    const { code, stdout, stderr } = await this.#parts.exec(pod, url.searchParams.getAll("word"));
    response.end(`${code}\n${stdout}${stderr}`);
  }

  #configz(node: string, response: ServerResponse): void {
    const config = this.#parts.kubeletConfig(node);
    if (config === null) fail(response, 403, "Forbidden", "nodes/proxy is forbidden");
    else send(response, 200, { kubeletconfig: config });
  }

  async #read(url: URL, target: Target, response: ServerResponse): Promise<void> {
    const { resource, namespace, name, sub } = target;
    if (name === null) {
      const wanted = (object: KubeObject) => matches(object, namespace, url.searchParams);
      return url.searchParams.has("watch")
        ? this.#watch(resource, wanted, response)
        : this.#list(resource, wanted, response);
    }
    const object = this.#parts.store.get(resource.kind, name, namespace ?? undefined);
    if (object === null) return notFound(response, target);
    if (sub === null) return send(response, 200, object);
    if (sub !== "log") return fail(response, 404, "NotFound", `there is no ${sub}`);
    response.end(await this.#parts.logs(object, url.searchParams.get("container")));
  }

  #list(resource: Resource, wanted: (one: KubeObject) => boolean, response: ServerResponse): void {
    send(response, 200, {
      ...{ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) },
      metadata: { resourceVersion: this.#parts.store.version },
      items: this.#parts.store.list(resource.kind).filter(wanted),
    });
  }

  #watch(resource: Resource, wanted: (one: KubeObject) => boolean, response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    const end = this.#parts.store.watch(({ type, object }) => {
      if (object.kind === resource.kind && wanted(object)) {
        response.write(`${JSON.stringify({ type, object })}\n`);
      }
    });
    response.once("close", end);
  }

  async #write(request: IncomingMessage, target: Target, response: ServerResponse): Promise<void> {
    const { store } = this.#parts;
    const { resource, namespace } = target;
    const text = String(await buffer(request));
    const body = (text === "" ? {} : JSON.parse(text)) as KubeObject;
    const name = target.name ?? body.metadata.name;
    this.writes.push(`${request.method} ${resource.plural}/${name}`);
    if (request.method === "POST") {
      body.metadata.namespace ??= namespace ?? "default";
      const created = store.create(body);
      if (created !== null) return send(response, 201, created);
      return fail(response, 409, "AlreadyExists", `${resource.plural} "${name}" already exists`);
    }
    const object = store.get(resource.kind, name, namespace ?? undefined);
    if (object === null) return notFound(response, target);
    if (request.method === "PATCH") {
      const isStrategic = request.headers["content-type"]?.includes("strategic") ?? false;
      const patched = (isStrategic ? strategicMergePatch : mergePatch)(object, body);
      return send(response, 200, store.replace(patched as KubeObject));
    }
    if (request.method === "PUT") return send(response, 200, store.replace(body));
    if (this.#parts.remove(object, body as DeleteOptions)) store.remove(object);
    send(response, 200, { kind: "Status", apiVersion: "v1", status: "Success" });
  }
}

function targetOf(path: string): Target | null {
  const found =
    /^\/(?:api|apis\/([^/]+))\/([^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    );
  if (found === null) return null;
  const [, group = "", version, namespace = null, plural, name = null, sub = null] = found;
  const resource = RESOURCES.find(
    (one) => one.group === group && one.version === version && one.plural === plural,
  );
  return resource === undefined ? null : { resource, namespace, name, sub };
}

function matches(object: KubeObject, namespace: string | null, query: URLSearchParams): boolean {
  if (namespace !== null && object.metadata.namespace !== namespace) return false;
  const name = /^metadata\.name=(.*)$/.exec(query.get("fieldSelector") ?? "");
  if (name !== null && object.metadata.name !== name[1]) return false;
  const terms = (query.get("labelSelector") ?? "").split(",").filter((term) => term !== "");
  return terms.every((term) => {
    const [label = "", value] = term.split(/==?/);
    const has = object.metadata.labels?.[label];
    return value === undefined ? has !== undefined : has === value;
  });
}

function notFound(response: ServerResponse, { resource, name }: Target): void {
  fail(response, 404, "NotFound", `${resource.plural} "${name}" not found`);
}

function fail(response: ServerResponse, code: number, reason: string, message: string): void {
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
  send(response, code, status);
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}
