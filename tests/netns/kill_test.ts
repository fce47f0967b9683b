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

/** Those of deploy/kubernetes/overlays/net-admin. */
const OVERLAY_CAPABILITIES = ["net_admin", "net_bind_service", "net_raw"];

/**
 * A container of node-cache's own manifest: /dev without net/tun, NET_ADMIN, not privileged. Where
 * the runtime refuses the device, it can be made but not opened: here by a file system without any.
 */
function containerCommand(
  capabilities: readonly string[],
  device: "allowed" | "refused",
): string[] {
  const held = `-all,${capabilities.map((name) => `+${name}`).join()}`;
  const steps = [
    "mount -t tmpfs -o mode=755 none /dev",
    "mknod -m 666 /dev/null c 1 3",
    "mknod -m 666 /dev/urandom c 1 9",
    ...(device === "allowed" ? [] : ["mkdir /dev/net", "mount -t tmpfs -o nodev none /dev/net"]),
    `exec setpriv --bounding-set ${held} --inh-caps -all ${EXECUTABLE} "$@"`,
  ];
  return ["unshare", "-m", "sh", "-c", steps.join(" && "), "nodens"];
}

for (const { device, capabilities, lease, refusal } of [
  {
    device: "allowed",
    capabilities: [...CONTAINER_CAPABILITIES, "mknod"],
    lease: "tun",
    refusal: null,
  },
  {
    device: "refused",
    capabilities: [...CONTAINER_CAPABILITIES, "mknod"],
    lease: "nft",
    refusal: /Cannot open \/dev\/net\/tun: permission denied/,
  },
  {
    device: "allowed",
    capabilities: CONTAINER_CAPABILITIES,
    lease: "nft",
    refusal: /Cannot make \/dev\/net\/tun: operation not permitted/,
  },
  {
    device: "refused",
    capabilities: OVERLAY_CAPABILITIES,
    lease: "nft",
    refusal: /Cannot make \/dev\/net\/tun: operation not permitted/,
  },
] as const) {
  const makes = capabilities.some((name) => name === "mknod") ? "may" : "may not";
  const where = `a container that ${makes} make devices, the TUN device ${device}`;
  test(`SIGKILL in ${where}: lease ${lease}`, async (context) => {
    const command = containerCommand(capabilities, device);
    const { lab, nodens } = await startStage(context, { command });
    assert.match(nodens.stdout(), new RegExp(`intercepting .*, lease ${lease}$`, "m"));
    if (refusal !== null) assert.match(nodens.stdout(), refusal);
    const outage = await observe(lab, () => {
      nodens.child.kill("SIGKILL");
      return monotonicMs();
    });
    const figures = new Figures(context, `SIGKILL in ${where}`);
    noteFailOver(figures, outage);
    figures.assertMet(outage.text);
  });
}
