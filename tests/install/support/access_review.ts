/**
 * What a SelfSubjectAccessReview asks for, in JSON or, as newer kubectls send it, in protobuf:
 * `k8s` and a zero byte, then a message whose field 2 is the review; in that, 2 is the spec, 1 its
 * resource attributes, and of those 2 is the verb and 5 the resource.
 */

export interface AccessQuestion {
  readonly verb: string;
  readonly resource: string;
}

const MAGIC_BYTES = 4;
const LENGTH_DELIMITED = 2;
const VARINT = 0;

export function readAccessQuestion(body: Buffer): AccessQuestion {
  if (body.toString("latin1", 0, MAGIC_BYTES) !== "k8s\0") {
    const { spec } = JSON.parse(String(body)) as { spec: { resourceAttributes: AccessQuestion } };
    return spec.resourceAttributes;
  }
  const review = fieldOf(body.subarray(MAGIC_BYTES), 2);
  const attributes = fieldOf(fieldOf(review, 2), 1);
  return { verb: String(fieldOf(attributes, 2)), resource: String(fieldOf(attributes, 5)) };
}

/** The bytes of the first field of that number; none where there is none. */
function fieldOf(message: Buffer, wanted: number): Buffer {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const kind = key & 7;
    if (kind !== VARINT && kind !== LENGTH_DELIMITED) break;
    const length = varint();
    if (kind === VARINT) continue;
    if (key >> 3 === wanted) return message.subarray(at, at + length);
    at += length;
  }
  return Buffer.alloc(0);
}
