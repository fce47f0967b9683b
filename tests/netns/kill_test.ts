/** What clients notice when nodens dies without a word: next to nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EXECUTABLE } from "../support/nodens_process.ts";
import { Figures } from "./support/figures.ts";
import { monotonicMs, total } from "./support/load.ts";
import type { Backend } from "./support/node_state.ts";
import { noteFailOver, observe, startStage } from "./support/outage.ts";

const FAILING_OPEN: readonly (readonly [lease: string, backend: Backend])[] = [
  ["tun", "nft"],
  ["tun", "legacy"],
  ["nft", "nft"],
];

for (const [lease, backend] of FAILING_OPEN) {
  test(`SIGKILL with lease ${lease}, kube-proxy by iptables-${backend}`, async (context) => {
    const { lab, nodens } = await startStage(context, { backend, flags: ["-lease", lease] });
    const outage = await observe(lab, () => {
      nodens.child.kill("SIGKILL");
      return monotonicMs();
    });
    const figures = new Figures(context, `SIGKILL, lease ${lease}, ${backend}`);
    noteFailOver(figures, outage);
    figures.assertMet(outage.text);
  });
}

test("SIGKILL with lease socket, which is for pods only", async (context) => {
  const { lab, nodens } = await startStage(context, { flags: ["-lease", "socket"] });
  const onlyPod = { places: ["pod"] } as const;
  const outage = await observe(
    lab,
    () => {
      nodens.child.kill("SIGKILL");
      return monotonicMs();
    },
    onlyPod,
  );
  const figures = new Figures(context, "SIGKILL, lease socket, nft");
  noteFailOver(figures, outage, { rateMin: 750 });
  figures.assertMet(outage.text);
});

test("SIGKILL with lease none leaves the node without DNS, and the figures show it", async (context) => {
  const { lab, nodens } = await startStage(context, { flags: ["-lease", "none"] });
  const outage = await observe(lab, () => {
    nodens.child.kill("SIGKILL");
    return monotonicMs();
  });
  assert.equal(outage.againMs, Number.POSITIVE_INFINITY);
  assert.equal(total(outage.settled).byKubeDns, 0, outage.text);
});

/** What a container runtime leaves to a container to which its manifest adds NET_ADMIN. */
const CONTAINER_CAPABILITIES = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"],
  ...["net_bind_service", "net_raw", "sys_chroot", "audit_write", "setfcap", "net_admin"],
];

/** In a container of node-cache's own manifest: /dev without net/tun, NET_ADMIN, not privileged. */
function containerCommand(capabilities: readonly string[]): string[] {
  const held = `-all,${capabilities.map((name) => `+${name}`).join()}`;
  const mounts = "mount -t tmpfs -o mode=755 none /dev && mknod -m 666 /dev/null c 1 3 &&";
  const nodes = "mknod -m 666 /dev/urandom c 1 9 &&";
  const drop = `exec setpriv --bounding-set ${held} --inh-caps -all`;
  return ["unshare", "-m", "sh", "-c", `${mounts} ${nodes} ${drop} ${EXECUTABLE} "$@"`, "nodens"];
}

for (const [lease, capabilities] of [
  ["nft", CONTAINER_CAPABILITIES],
  ["tun", [...CONTAINER_CAPABILITIES, "mknod"]],
] as const) {
  test(`SIGKILL in the container of node-cache's manifest, where ${lease} can be had`, async (context) => {
    const command = containerCommand(capabilities);
    const { lab, nodens } = await startStage(context, { command });
    assert.match(nodens.stdout(), new RegExp(`intercepting .*, lease ${lease}$`, "m"));
    const outage = await observe(lab, () => {
      nodens.child.kill("SIGKILL");
      return monotonicMs();
    });
    const figures = new Figures(context, `SIGKILL, NET_ADMIN only, lease ${lease}`);
    noteFailOver(figures, outage);
    figures.assertMet(outage.text);
  });
}
