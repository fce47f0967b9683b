/** The other end of sd_notify(3): a datagram socket of the UNIX family, by our own system calls. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../src/sys/layout.ts";
import { openControlKernel } from "../../src/sys/open_kernel.ts";

const MESSAGE_BYTES_MAX = 4096;
const SOCKADDR_UN_PATH = 2;

export class NoticeReceiver {
  /** As NOTIFY_SOCKET has it. */
  readonly path: string;
  readonly #folder: string;
  readonly #kernel = openControlKernel(65_536);
  readonly #fd: number;
  readonly #buffer: number;

  /** @param isAbstract without a file. */
  constructor(isAbstract = false) {
    this.#folder = mkdtempSync(join(tmpdir(), "notice-"));
    this.path = isAbstract ? `@${this.#folder}` : join(this.#folder, "notify");
    const { slab } = this.#kernel;
    this.#buffer = slab.carve(MESSAGE_BYTES_MAX);
    const name = new TextEncoder().encode(isAbstract ? `\0${this.#folder}` : `${this.path}\0`);
    slab.view.setUint16(this.#buffer, AF_UNIX, true);
    slab.bytes.set(name, this.#buffer + SOCKADDR_UN_PATH);
    this.#fd = this.#kernel.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const length = SOCKADDR_UN_PATH + name.length;
    const code = this.#kernel.bind(this.#fd, this.#kernel.pointer(this.#buffer), length);
    if (code < 0) throw new Error(`Cannot bind ${this.path}: ${code}`);
  }

  /** All messages that have come since the last call, their lines by a space. */
  take(): string[] {
    const messages: string[] = [];
    const pointer = this.#kernel.pointer(this.#buffer);
    for (;;) {
      const count = this.#kernel.read(this.#fd, pointer, MESSAGE_BYTES_MAX);
      if (count < 0) return messages;
      const bytes = this.#kernel.slab.bytes.slice(this.#buffer, this.#buffer + count);
      messages.push(new TextDecoder().decode(bytes).replaceAll("\n", " | "));
    }
  }

  close(): void {
    this.#kernel.close(this.#fd);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
