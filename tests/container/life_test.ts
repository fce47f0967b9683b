/** The image in a container on a node: it intercepts, and leaves nothing when it ends. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLab } from "../netns/support/lab.ts";
import { CLUSTER_IP, NODE_LOCAL } from "../netns/support/places.ts";
import { Container } from "./support/container.ts";
import { unpackedImage } from "./support/image.ts";
import { preparePod } from "./support/pod.ts";

const ADDRESSES = [CLUSTER_IP[4], NODE_LOCAL[4]];

for (const privileges of ["privileged", "net_admin"] as const) {
  test(`a container with ${privileges} intercepts and stops clean`, async (context) => {
    const lab = await createLab(context);
    const pod = preparePod(context, lab);
    const before = await lab.snapshot();
    const rootfs = await unpackedImage();
    const container = await Container.start(context, { ...pod.spec(rootfs), privileges });
    await lab.untilIntercepting(container, ADDRESSES);
    assert.equal((await container.exec(pod.readinessProbe)).code, 0);
    assert.equal(await container.stop(), 0, container.log());
    assert.equal(await lab.snapshot(), before, container.log());
  });
}
