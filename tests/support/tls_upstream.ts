/** An upstream on loopback that speaks DNS over TLS and does what the test tells it to. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { Certificate } from "./certificates.ts";
import { cleanUp } from "./clean_up.ts";
import { type DnsMessage, decodeMessage, encodeMessage } from "./dns_message.ts";
import { answerAll, framed, onMessages, replyTo, type UpstreamQuery } from "./scripted_upstream.ts";

export interface TlsUpstream {
  readonly port: number;
  /** All queries, in order. */
  readonly heard: readonly UpstreamQuery[];
  /** Connections whose handshake was done, in order. */
  readonly accepted: readonly AcceptedTls[];
  /** From now on handshakes use this one. */
  present(certificate: Certificate): void;
  /** Ends all connections by TCP resets, in the middle of TLS. */
  resetAll(): void;
  /** Closes all connections. */
  hangUp(): void;
}

export interface AcceptedTls {
  readonly socket: TLSSocket;
  readonly serverName: string | null;
  readonly isResumed: boolean;
  readonly protocol: string | null;
  /** Name of the client's certificate; null without. */
  readonly clientName: string | null;
}

export interface TlsUpstreamOptions {
  readonly onQuery?: (query: UpstreamQuery) => void;
  /** Default: a free one. */
  readonly port?: number;
  readonly tls?: TlsOptions;
}

export async function startTlsUpstream(
  context: TestContext,
  certificate: Certificate,
  { onQuery = answerAll, port = 0, tls = {} }: TlsUpstreamOptions = {},
): Promise<TlsUpstream> {
  const heard: UpstreamQuery[] = [];
  const accepted: AcceptedTls[] = [];
  const server = createServer({ ...filesOf(certificate), ...tls });
  const raw: Socket[] = [];
  server.on("connection", (socket: Socket) => raw.push(socket));
  server.on("tlsClientError", () => {});
  server.on("secureConnection", (socket) => {
    const { servername } = socket as TLSSocket & { servername?: string | false };
    const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
    accepted.push({
      socket,
      serverName: servername || null,
      isResumed: socket.isSessionReused(),
      protocol: socket.getProtocol(),
      clientName: subject?.CN ?? null,
    });
    const connection = accepted.length;
    socket.on("error", () => socket.destroy());
    onMessages(socket, (bytes) => {
      const message = decodeMessage(bytes);
      const write = (reply: Uint8Array) => void socket.write(reply);
      const query: UpstreamQuery = {
        message,
        name: (message.questions[0]?.name ?? "").toLowerCase(),
        transport: "tcp",
        connection,
        reply: (parts: Partial<DnsMessage> = {}) =>
          write(framed(encodeMessage(replyTo(message, parts)))),
        replyBytes: (reply) => write(framed(reply)),
        write,
        close: () => socket.end(),
      };
      heard.push(query);
      onQuery(query);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const hangUp = () => {
    for (const { socket } of accepted) socket.destroy();
  };
  cleanUp(context, async () => {
    hangUp();
    const closed = once(server, "close");
    server.close();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    accepted,
    resetAll: () => {
      for (const socket of raw.splice(0)) socket.resetAndDestroy();
    },
    present: (other) => server.setSecureContext(filesOf(other)),
    hangUp,
  };
}

function filesOf({ certFile, keyFile }: Certificate): TlsOptions {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}
