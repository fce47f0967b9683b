/**
 * One end of UDP conversations, in a namespace of its own choice.
 *
 *     udp_peer.ts serve NAME ADDRESS PORT   answers everything with NAME
 *     udp_peer.ts ask ADDRESS... PORT       one connected socket per address; for each line of
 *                                           standard input asks all, prints the answers as JSON
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";

const ANSWER_TIMEOUT_MS = 1000;

const [mode, ...words] = process.argv.slice(2);
if (mode === "serve") await serve(words as [string, string, string]);
else await ask(words.slice(0, -1), Number(words.at(-1)));

async function serve([name, address, port]: [string, string, string]): Promise<void> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (_, from) => socket.send(name, from.port, from.address));
  socket.bind(Number(port), address);
  await once(socket, "listening");
  process.stdout.write("ready\n");
}

async function ask(addresses: readonly string[], port: number): Promise<void> {
  const sockets = addresses.map((address) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.connect(port, address);
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  for (const socket of sockets) socket.on("error", () => {});
  process.stdout.write("ready\n");
  for await (const _ of createInterface({ input: process.stdin })) {
    const answers = await Promise.all(sockets.map(askOne));
    process.stdout.write(`${JSON.stringify(answers)}\n`);
  }
}

/** The answer, or the code of the error, or "nothing". */
function askOne(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("nothing"), ANSWER_TIMEOUT_MS);
    const finish = (text: string) => {
      clearTimeout(timer);
      resolve(text);
    };
    socket.once("message", (message) => finish(message.toString()));
    socket.send("hello", (error) => {
      if (error !== null) finish((error as NodeJS.ErrnoException).code ?? String(error));
    });
  });
}
