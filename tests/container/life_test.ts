/** The image in containers on a node, as the DaemonSet has them, from first start to last. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyNode } from "../netns/support/busy_node.ts";
import { createLab, type Lab } from "../netns/support/lab.ts";
import { monotonicMs } from "../netns/support/load.ts";
import { CLUSTER_IP, NODE_LOCAL } from "../netns/support/places.ts";
import { until } from "../support/until.ts";
import { Container } from "./support/container.ts";
import { unpackedImage } from "./support/image.ts";
import { type Pod, preparePod, sampleCorefile } from "./support/pod.ts";

const ADDRESSES = [CLUSTER_IP[4], NODE_LOCAL[4]];
const SIGKILL = 9;
/** Of UDP, and of TCP, whose clients may be reset by the end of an instance and come again. */
const LOST_MAX = { udp: 1, tcp: 2 };

/** The kernel takes up to 100 ms to take the link of a dead process down; they ask every 16 ms. */
const LOST_BY_DEATH_MAX = { udp: 1, tcp: 6 };

const rootfs = await unpackedImage();

async function untilReady(pod: Pod, container: Container): Promise<void> {
  await until(`${container.id} is ready`, async () => {
    return (await container.exec(pod.readinessProbe)).code === 0;
  });
}

async function ask(lab: Lab, name: string): Promise<string> {
  const reply = await lab.ask("pod", { address: CLUSTER_IP[4], name });
  return reply.error ?? reply.text;
}

test("a privileged container intercepts, follows its ConfigMap and stops clean", async (context) => {
  const lab = await createLab(context);
  const pod = preparePod(context, lab);
  const before = await lab.snapshot();
  const container = await Container.start(context, pod.spec(rootfs));
  await lab.untilIntercepting(container, ADDRESSES);
  assert.match(container.log(), /intercepting .*, lease tun$/m);
  await untilReady(pod, container);
  const node = await BusyNode.start(lab, ADDRESSES);

  const added = "hosts {\n 192.0.2.77 later.example.org\n fallthrough\n }\n forward . __PILLAR__UP";
  const changed = sampleCorefile().replace("forward . __PILLAR__UP", added);
  assert.notEqual(await ask(lab, "later.example.org"), "192.0.2.77");
  pod.configMap.write({ "Corefile.base": changed });
  await until("the change is in effect", async () => {
    return (await ask(lab, "later.example.org")) === "192.0.2.77";
  });
  pod.configMap.write({ "Corefile.base": `${changed}\nnonsense {` });
  await until("a mistake is refused", () => /reload failed/.test(container.log()));
  assert.equal(await ask(lab, "later.example.org"), "192.0.2.77");

  const seen = await node.stop();
  seen.expectLost({ udp: 0, tcp: 0 });
  assert.equal(seen.all.byKubeDns, 0, seen.text);
  const status = await container.exec(["/nodens", "status", "-interfacename", "nodelocaldns0"]);
  assert.match(status.stdout, /10\.96\.0\.10: local/, status.stderr);
  assert.equal(await container.stop(), 0, container.log());
  assert.equal(await lab.snapshot(), before, container.log());
});

test("with NET_ADMIN only it makes its device by itself, and nothing is left either", async (context) => {
  const lab = await createLab(context, { backend: "legacy" });
  const pod = preparePod(context, lab);
  const before = await lab.snapshot();
  // As a manifest of node-cache with another image: its command, a file system that can be written.
  const container = await Container.start(context, {
    ...pod.spec(rootfs),
    ...{ privileges: "net_admin", command: ["/node-cache"], readOnlyRoot: false },
  });
  await lab.untilIntercepting(container, ADDRESSES);
  assert.match(container.log(), /intercepting .*, lease (tun|nft)$/m);
  assert.equal(await container.stop(), 0, container.log());
  assert.equal(await lab.snapshot(), before, container.log());
});

test("after kill -9 kube-dns answers until the next container takes over", async (context) => {
  const lab = await createLab(context);
  const pod = preparePod(context, lab);
  const before = await lab.snapshot();
  const first = await Container.start(context, pod.spec(rootfs));
  await lab.untilIntercepting(first, ADDRESSES);
  await untilReady(pod, first);
  const node = await BusyNode.start(lab, ADDRESSES);
  first.kill("SIGKILL");
  await first.ended;
  assert.ok(first.wasKilledBy(SIGKILL));
  const beginMs = monotonicMs();
  const dead = await node.settle();
  dead.expectLost(LOST_BY_DEATH_MAX);
  assert.ok(dead.all.byKubeDns > 0, dead.text);

  const second = await Container.start(context, pod.spec(rootfs));
  await lab.untilIntercepting(second, ADDRESSES);
  const seen = await node.settle();
  seen.expectLost(LOST_MAX);
  const later = await node.stop();
  later.expectLost({ udp: 0, tcp: 0 });
  assert.equal(later.all.byKubeDns, 0, later.text);
  context.diagnostic(`without nodens for ${Math.round(second.startedMs - beginMs)} ms`);
  assert.equal(await second.stop(), 0, second.log());
  assert.equal(await lab.snapshot(), before, second.log());
});

test("of two containers in a surge the older one ends without loss", async (context) => {
  const lab = await createLab(context);
  const pod = preparePod(context, lab);
  const before = await lab.snapshot();
  const older = await Container.start(context, pod.spec(rootfs));
  await lab.untilIntercepting(older, ADDRESSES);
  const node = await BusyNode.start(lab, ADDRESSES);
  const newer = await Container.start(context, pod.spec(rootfs));
  await untilReady(pod, newer);
  assert.equal(await older.stop(), 0, older.log());
  const seen = await node.settle();
  seen.expectLost(LOST_MAX);
  assert.equal(seen.all.byKubeDns, 0, seen.text);
  const later = await node.stop();
  later.expectLost({ udp: 0, tcp: 0 });
  assert.equal(await newer.stop(), 0, newer.log());
  assert.equal(await lab.snapshot(), before, newer.log());
});
