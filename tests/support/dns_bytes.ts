/**
 * Reading and writing the pieces of DNS messages, for tests: plain, strict, and not that of
 * `src/wire`.
 */

const POINTER_BITS = 0xc000;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;

export class ByteWriter {
  readonly #bytes: number[] = [];
  readonly #compress: boolean;
  /** Where a name, as written, stands already. */
  readonly #names = new Map<string, number>();

  /** @param compress whether names that came before become pointers (RFC 1035 §4.1.4). */
  constructor(compress: boolean) {
    this.#compress = compress;
  }

  get length(): number {
    return this.#bytes.length;
  }

  u8(value: number): void {
    this.#bytes.push(value & 0xff);
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  bytes(values: Uint8Array): void {
    for (const value of values) this.u8(value);
  }

  /** A length byte and up to 255 bytes. */
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u8(bytes.length);
    this.bytes(bytes);
  }

  /** @param mayPoint false where RFC 3597 §4 forbids a pointer. */
  name(text: string, mayPoint: boolean): void {
    const labels = splitLabels(text);
    for (let index = 0; index < labels.length; index++) {
      const rest = labels
        .slice(index)
        .map((label) => String.fromCharCode(...label))
        .join("\0");
      const known = this.#names.get(rest);
      if (known !== undefined && mayPoint && this.#compress) {
        this.u16(POINTER_BITS | known);
        return;
      }
      if (known === undefined && this.length < 0x4000) this.#names.set(rest, this.length);
      this.u8(labels[index]!.length);
      this.bytes(labels[index]!);
    }
    this.u8(0);
  }

  /** Sets the 16 bits at `at`, written before. */
  setU16(at: number, value: number): void {
    this.#bytes[at] = (value >>> 8) & 0xff;
    this.#bytes[at + 1] = value & 0xff;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.at === this.#bytes.length;
  }

  u8(): number {
    if (this.at >= this.#bytes.length) throw new RangeError("the message is too short");
    return this.#bytes[this.at++]!;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  bytes(lengthBytes: number): Uint8Array {
    if (this.at + lengthBytes > this.#bytes.length)
      throw new RangeError("the message is too short");
    this.at += lengthBytes;
    return this.#bytes.slice(this.at - lengthBytes, this.at);
  }

  string(): string {
    return new TextDecoder().decode(this.bytes(this.u8()));
  }

  /**
   * A name with its final dot. @throws {RangeError} for pointers that do not go back, and the like.
   */
  name(): string {
    const labels: string[] = [];
    let lengthBytes = 1;
    let resume = -1;
    let limit = this.at;
    for (;;) {
      const length = this.u8();
      if (length === 0) break;
      if (length > LABEL_BYTES_MAX) {
        if ((length & 0xc0) !== 0xc0) throw new RangeError("a label has a reserved type");
        const target = ((length & 0x3f) << 8) | this.u8();
        if (target >= limit) throw new RangeError("a pointer does not point back");
        if (resume < 0) resume = this.at;
        limit = target;
        this.at = target;
        continue;
      }
      lengthBytes += length + 1;
      if (lengthBytes > NAME_BYTES_MAX) throw new RangeError("a name is too long");
      labels.push(labelText(this.bytes(length)));
    }
    if (resume >= 0) this.at = resume;
    return labels.length === 0 ? "." : `${labels.join(".")}.`;
  }
}

/** Labels of a name in presentation form, with `\.` and `\DDD`. @throws {SyntaxError} */
function splitLabels(text: string): Uint8Array[] {
  if (text === ".") return [];
  if (!text.endsWith(".")) throw new SyntaxError(`"${text}" has no final dot`);
  const labels: number[][] = [[]];
  for (const [match, digits, escaped] of text.matchAll(/\\(\d{3})|\\(.)|[^\\]/g)) {
    if (digits !== undefined) labels.at(-1)!.push(Number(digits));
    else if (escaped !== undefined) labels.at(-1)!.push(escaped.charCodeAt(0));
    else if (match === ".") labels.push([]);
    else labels.at(-1)!.push(match.charCodeAt(0));
  }
  labels.pop();
  return labels.map((label) => {
    if (label.length === 0 || label.length > LABEL_BYTES_MAX) {
      throw new SyntaxError(`"${text}" has a label of ${label.length} bytes`);
    }
    return Uint8Array.from(label);
  });
}

function labelText(label: Uint8Array): string {
  let text = "";
  for (const byte of label) {
    const character = String.fromCharCode(byte);
    if (character === "." || character === "\\") text += `\\${character}`;
    else if (byte > 0x20 && byte < 0x7f) text += character;
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}
