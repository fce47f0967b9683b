import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileOf, type Host, look, put, readText } from "./host.ts";
import { findResolver, pointAt, RESOLV_CONF, resolverOf } from "./resolver.ts";
import { syncResolver } from "./resolver_sync.ts";
import { writeState } from "./state.ts";

const ADDRESS = "169.254.20.10";
const STUB = "nameserver 127.0.0.53\noptions edns0 trust-ad\n";
const DHCP = "search example.org\nnameserver 192.0.2.53\n";

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  /** Where /etc/resolv.conf leads to. */
  readonly link?: string;
  readonly programs?: readonly string[];
  readonly isResolvedActive?: boolean;
}

function hostWith(context: TestContext, given: Given): Host {
  const root = mkdtempSync(join(tmpdir(), "host-"));
  context.after(() => rmSync(root, { recursive: true }));
  const host: Host = {
    root,
    executable: "/nodens",
    isRoot: false,
    commands: {
      has: (program) => given.programs?.includes(program) === true,
      run: async () => {
        const code = given.isResolvedActive === true ? 0 : 3;
        return { code, stdout: "", stderr: "", timedOut: false };
      },
    },
  };
  for (const [path, text] of Object.entries(given.files ?? {})) put(host, path, fileOf(text));
  if (given.link !== undefined) put(host, RESOLV_CONF, { kind: "link", target: given.link });
  return host;
}

const NM = "/run/NetworkManager";
const CASES: readonly [title: string, given: Given, kind: string, upstreams: string][] = [
  [
    "the stub of systemd-resolved",
    { link: "../run/systemd/resolve/stub-resolv.conf", isResolvedActive: true },
    ...(["resolved", "/run/systemd/resolve/resolv.conf"] as const),
  ],
  [
    "systemd-resolved without its stub",
    { link: "/run/systemd/resolve/resolv.conf", isResolvedActive: true },
    ...(["resolved", "/run/systemd/resolve/resolv.conf"] as const),
  ],
  [
    "a file that names the stub",
    { files: { [RESOLV_CONF]: STUB }, isResolvedActive: true },
    ...(["resolved", "/run/systemd/resolve/resolv.conf"] as const),
  ],
  [
    "systemd-resolved that nobody asks",
    { files: { [RESOLV_CONF]: DHCP }, isResolvedActive: true },
    ...(["file", "/var/lib/nodens/resolv.conf"] as const),
  ],
  [
    "resolvconf of Debian",
    { link: "/run/resolvconf/resolv.conf", programs: ["resolvconf"] },
    ...(["resolvconf", RESOLV_CONF] as const),
  ],
  [
    "openresolv",
    { files: { [RESOLV_CONF]: DHCP, "/etc/resolvconf.conf": "" }, programs: ["resolvconf"] },
    ...(["resolvconf", RESOLV_CONF] as const),
  ],
  [
    "resolvectl in the place of resolvconf",
    { files: { [RESOLV_CONF]: DHCP }, programs: ["resolvconf"] },
    ...(["file", "/var/lib/nodens/resolv.conf"] as const),
  ],
  [
    "a link of NetworkManager",
    { files: { [`${NM}/resolv.conf`]: DHCP }, link: `..${NM}/resolv.conf` },
    ...(["link", `${NM}/resolv.conf`] as const),
  ],
  [
    "a link of NetworkManager with dnsmasq",
    {
      files: { [`${NM}/resolv.conf`]: STUB, [`${NM}/no-stub-resolv.conf`]: DHCP },
      link: `${NM}/resolv.conf`,
    },
    ...(["link", `${NM}/no-stub-resolv.conf`] as const),
  ],
];

for (const [title, given, kind, upstreams] of CASES) {
  test(`findResolver() finds ${title}`, async (context) => {
    const resolver = await findResolver(hostWith(context, given));
    assert.deepEqual([resolver.kind, resolver.upstreams], [kind, upstreams]);
  });
}

test("findResolver() refuses a link that leads nowhere", async (context) => {
  const host = hostWith(context, { link: "/run/nobody/resolv.conf" });
  await assert.rejects(findResolver(host), {
    message:
      "Cannot follow /etc/resolv.conf: it leads to /run/nobody/resolv.conf: " +
      "put a resolv.conf there, or use -keep-resolver",
  });
});

test("pointAt() fills address and path in", (context) => {
  const host = hostWith(context, {});
  const { files } = pointAt(host, resolverOf("file", RESOLV_CONF), ADDRESS);
  const unit = files.get("/etc/systemd/system/nodens-resolver.path")!;
  const text = unit.kind === "file" ? Buffer.from(unit.base64, "base64").toString() : "";
  assert.match(text, /^PathChanged=\/etc\/resolv\.conf$/m);
  const { files: others } = pointAt(host, resolverOf("resolved", ""), ADDRESS);
  const dropIn = others.get("/etc/systemd/resolved.conf.d/nodens.conf")!;
  assert.match(
    dropIn.kind === "file" ? Buffer.from(dropIn.base64, "base64").toString() : "",
    /^DNS=169\.254\.20\.10\nDomains=~\.$/m,
  );
});

test("syncResolver() takes what others have written, once, and notes it for the removal", (context) => {
  const host = hostWith(context, { files: { [RESOLV_CONF]: DHCP } });
  assert.equal(syncResolver(host), null);
  const state = { format: 1, address: ADDRESS, resolver: "file", watched: RESOLV_CONF } as const;
  writeState(host, { ...state, before: { [RESOLV_CONF]: fileOf("nameserver 192.0.2.1\n") } });
  assert.deepEqual(syncResolver(host), ["/var/lib/nodens/resolv.conf", RESOLV_CONF]);
  assert.equal(readText(host, "/var/lib/nodens/resolv.conf"), DHCP);
  assert.match(
    readText(host, RESOLV_CONF)!,
    /^nameserver 169\.254\.20\.10\nnameserver 192\.0\.2\.53$/m,
  );
  const noted = JSON.parse(readText(host, "/var/lib/nodens/install.json")!);
  assert.equal(Buffer.from(noted.before[RESOLV_CONF].base64, "base64").toString(), DHCP);
  assert.deepEqual(syncResolver(host), []);
});

test("syncResolver() leaves a list without servers alone", (context) => {
  const host = hostWith(context, { files: { [RESOLV_CONF]: "# no lease\n" } });
  const state = { format: 1, address: ADDRESS, resolver: "file", watched: RESOLV_CONF } as const;
  writeState(host, { ...state, before: {} });
  assert.deepEqual(syncResolver(host), []);
});

test("put() puts back what look() has seen, links and modes too", (context) => {
  const host = hostWith(context, { files: { "/etc/a": "one\n" }, link: "../run/x" });
  put(host, "/etc/a", fileOf("secret\n", 0o600));
  for (const path of ["/etc/a", RESOLV_CONF, "/etc/nothing"]) {
    const found = look(host, path);
    put(host, path, fileOf("changed\n"));
    put(host, path, found);
    const { uid: _, gid: __, ...rest } = look(host, path) as Record<string, unknown>;
    const { uid: ___, gid: ____, ...expected } = found as Record<string, unknown>;
    assert.deepEqual(rest, expected, path);
  }
});
