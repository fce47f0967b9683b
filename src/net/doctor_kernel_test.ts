import assert from "node:assert/strict";
import { test } from "node:test";
import type { Finding } from "./doctor_facts.ts";
import {
  checkCapabilities,
  checkIpv6,
  checkKernel,
  checkLeases,
  checkOpenFiles,
} from "./doctor_kernel.ts";
import { type FakeFactsOptions, fakeFacts, processStatus } from "./testing.ts";

const STATUS = "/proc/self/status";
const RELEASE = "/proc/sys/kernel/osrelease";
/** NET_BIND_SERVICE, NET_ADMIN, NET_RAW; and MKNOD. */
const USUAL = [10, 12, 13];
const WITH_MKNOD = [...USUAL, 27];
const SUBJECT = { addresses: ["169.254.20.10"], interfaceName: "nodelocaldns" };

function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ level, what, found, fix }) => {
    assert.equal(fix === null, level === "ok");
    return `${level} ${what}: ${found}`;
  });
}

test("checkKernel() wants 5.12", () => {
  const check = (release?: string) =>
    lines(checkKernel(fakeFacts({ files: release === undefined ? {} : { [RELEASE]: release } })));
  assert.deepEqual(check("6.1.0-18-amd64\n"), ["ok kernel: 6.1.0-18-amd64, has all that is used"]);
  assert.deepEqual(check("5.12.0\n"), ["ok kernel: 5.12.0, has all that is used"]);
  assert.match(check("5.4.0-1\n")[0], /^note kernel: 5\.4\.0-1, without nftables tables/);
  assert.match(check("4.18.0-553.el8\n")[0], /^note/);
  assert.deepEqual(check(), ["note kernel: its version cannot be read"]);
});

test("checkCapabilities() names what is missing, and knows when it is not root", () => {
  const check = (bits: number[], options: FakeFactsOptions & { uid?: number } = {}) =>
    lines(
      checkCapabilities(
        fakeFacts({
          ...{ devices: { "/dev/net/tun": null }, ...options },
          files: { [STATUS]: processStatus(bits, options.uid), ...options.files },
        }),
      ),
    );
  assert.deepEqual(check(USUAL), ["ok capabilities: NET_BIND_SERVICE, NET_ADMIN, NET_RAW"]);
  assert.deepEqual(check([10, 13]), ["bad capabilities: without NET_ADMIN"]);
  assert.deepEqual(check(USUAL, { devices: {} }), ["note capabilities: without MKNOD"]);
  assert.match(check([], { uid: 1000 })[0], /^note capabilities: without NET_BIND_SERVICE, NET_A/);
  // Ports need no capability where the kernel gives them to everybody.
  const files = { "/proc/sys/net/ipv4/ip_unprivileged_port_start": "53\n" };
  assert.deepEqual(check([12, 13], { files }), ["ok capabilities: NET_ADMIN, NET_RAW"]);
});

test("checkLeases() says which kinds are to be had, and why the others are not", async () => {
  const check = async (options: FakeFactsOptions & { bits?: number[]; release?: string }) =>
    lines(
      await checkLeases(
        fakeFacts({
          ...options,
          files: {
            [STATUS]: processStatus(options.bits ?? USUAL),
            [RELEASE]: options.release ?? "6.1.0",
            ...options.files,
          },
        }),
      ),
    )[0];
  const restore = "iptables-nft-restore --test --noflush";
  const iptables = { "iptables-nft-save -t mangle": "", [restore]: "" };
  const tun = { "/dev/net/tun": null };
  assert.equal(
    await check({ commands: iptables, devices: tun }),
    "ok lease: tun, nft, socket can be had",
  );
  assert.equal(
    await check({ commands: iptables, bits: WITH_MKNOD }),
    "ok lease: tun, nft, socket can be had",
  );
  // The container of node-cache's manifest, without and with an old kernel.
  const why = "/dev/net/tun is not there, and cannot be made without MKNOD";
  assert.equal(
    await check({ commands: iptables }),
    `ok lease: nft, socket can be had; tun not: ${why}`,
  );
  assert.match(
    await check({ commands: iptables, release: "5.4.0" }),
    /^note lease: socket can be had; tun not: .*; nft not: it needs Linux 5\.12; when .* host proc/,
  );
  const missing = { stderr: "Warning: Extension socket revision 0 not supported, missing kernel" };
  assert.match(
    await check({ commands: { ...iptables, [restore]: missing }, release: "5.4.0" }),
    /^bad lease: only none; .*; socket not: the kernel has no xt_socket: modprobe xt_socket; when/,
  );
  for (const [code, problem] of [
    ["EPERM", /tun not: \/dev\/net\/tun may not be opened: the container's rules for devices/],
    ["ENODEV", /tun not: the kernel has no tun: modprobe tun/],
    ["EBUSY", /tun not: \/dev\/net\/tun cannot be opened: EBUSY/],
  ] as const) {
    assert.match(await check({ commands: iptables, devices: { "/dev/net/tun": code } }), problem);
  }
  const noNft = { ...iptables, "nft list tables": { code: 1, stderr: "Error: not supported\n" } };
  assert.match(
    await check({ commands: noNft, devices: tun }),
    /nft not: the kernel has no nftables: Error: not supported/,
  );
  assert.match(await check({ bits: [] }), /^bad lease: only none; tun not: it needs NET_ADMIN/);
});

test("checkOpenFiles() wants room for every connection", () => {
  const check = (soft: string, hard: string) => {
    const limits = `Limit  Soft Limit  Hard Limit  Units\nMax open files  ${soft}  ${hard}  files\n`;
    return lines(checkOpenFiles(fakeFacts({ files: { "/proc/self/limits": limits } })))[0];
  };
  assert.equal(check("20000", "20000"), "ok open files: 20000 at once");
  assert.equal(check("1024", "524288"), "ok open files: 1024, up to 524288 at once");
  assert.equal(check("1024", "unlimited"), "ok open files: 1024, up to unlimited at once");
  assert.match(check("1024", "1024"), /^bad open files: 1024 at once, and \d+ may be needed$/);
  assert.match(lines(checkOpenFiles(fakeFacts()))[0], /^note/);
});

test("checkIpv6() minds only what is asked for", () => {
  const check = (addresses: string[], values?: [string, string]) => {
    const folder = "/proc/sys/net/ipv6/conf";
    const files =
      values === undefined
        ? {}
        : {
            [`${folder}/all/disable_ipv6`]: values[0],
            [`${folder}/default/disable_ipv6`]: values[1],
          };
    return checkIpv6(fakeFacts({ files }), { ...SUBJECT, addresses });
  };
  assert.deepEqual(lines(check(["fd00::a"], ["0", "0"])), ["ok IPv6: is on"]);
  assert.match(lines(check(["192.0.2.1"], ["1", "1"]))[0], /^ok IPv6: is switched off, and no/);
  const [off] = check(["fd00::a"], ["0", "1"]);
  assert.equal(off.level, "bad");
  assert.equal(
    off.fix,
    "sysctl -w net.ipv6.conf.default.disable_ipv6=0, or leave fd00::a out of -localip",
  );
  assert.equal(check(["fd00::a"])[0].fix, "leave fd00::a out of -localip");
});
