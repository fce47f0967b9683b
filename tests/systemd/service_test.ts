/** The service of systemd: killed, hung, reloaded, restarted, asked by containers. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { attempt, removeNamespace, run } from "../netns/support/namespaces.ts";
import { program } from "../netns/support/programs.ts";
import { cleanUp } from "../support/clean_up.ts";
import { until } from "../support/until.ts";
import { SERVERS } from "./support/lan.ts";
import { PLAIN_FILE, RESOLVED } from "./support/setups.ts";
import { ADDRESS, assertSame, EXECUTABLE, INSTALLED, Stage } from "./support/stage.ts";

const COREFILE = "/etc/nodens/Corefile";
const DROP_IN = "/etc/systemd/system/nodens.service.d/test.conf";
/** What `systemd-analyze security` gives to services that are well shut in: 10 is the worst. */
const EXPOSURE_MAX = 2.5;

test("nodens.service answers through kill -9, and is there again", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install();
  await stage.fallsBackTo(0);
  // Long enough for each lookup to be seen before there is another process.
  machine.write(DROP_IN, "[Service]\nRestartSec=1s\n");
  await machine.run("systemctl", "daemon-reload");
  const pid = await machine.property("nodens", "MainPID");
  await machine.run("systemctl", "kill", "-s", "KILL", "nodens");
  await until("systemd knows", async () => (await machine.property("nodens", "MainPID")) === "0");
  assert.deepEqual(await machine.lookUp("gone.example.org"), [SERVERS[0].answer]);
  assert.equal(await machine.property("nodens", "MainPID"), "0", "that was the fallback");
  const isBack = async () => (await machine.property("nodens", "ActiveState")) === "active";
  await until("the service is there again", isBack);
  assert.notEqual(await machine.property("nodens", "MainPID"), pid);
  await stage.answersFrom(0, "back");
});

test("nodens.service loses no lookup to systemctl restart", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install();
  await stage.fallsBackTo(0);
  const getaddrinfo = await program("getaddrinfo");
  let isOver = false;
  const restarts = (async () => {
    for (let turn = 0; turn < 3; turn++) await machine.run("systemctl", "restart", "nodens");
    isOver = true;
  })();
  const sum = { count: 0, failed: 0, lost: 0 };
  while (!isOver) {
    const figures = JSON.parse(await machine.run(getaddrinfo, "#.example.org", "200", "2"));
    sum.count += figures.count;
    sum.failed += figures.failed;
    // A query that is lost is asked again after five seconds.
    sum.lost += figures.below["1000000000"];
  }
  await restarts;
  assert.deepEqual({ ...sum, count: sum.count > 200 }, { count: true, failed: 0, lost: 0 });
});

test("nodens.service is there after a boot, before whatever waits for names", async (context) => {
  const first = await Stage.make(context, RESOLVED);
  await first.install();
  const paths = ["etc/nodens", "etc/systemd", "usr/local/bin/nodens", "var/lib/nodens"];
  const kept = await first.machine.keep(context, paths);
  const lookUp = "getent ahostsv4 early.example.org >/run/early";
  const early = `[Unit]
After=nss-lookup.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c "${lookUp}"
`;
  const files = { ...RESOLVED.files, "/etc/systemd/system/early.service": early };
  const wants = "[Unit]\nWants=early.service\n";
  const dropIn = { "/etc/systemd/system/multi-user.target.d/early.conf": wants };
  const units = ["systemd-networkd-wait-online.service", ...RESOLVED.units!];
  const setup = { ...RESOLVED, units, kept, files: { ...files, ...dropIn } };
  const { machine } = await Stage.make(context, setup);
  await until("a lookup has been made", () => (machine.read("/run/early") ?? "") !== "");
  assert.match(machine.read("/run/early")!, new RegExp(`^${SERVERS[0].answer} `));
  assert.equal(await machine.property("nodens", "StatusText"), `Ready: answers on ${ADDRESS}:53`);
  assert.equal(await machine.property("nodens", "NRestarts"), "0");
});

test("nodens.service is started again by the watchdog when it hangs", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install();
  machine.write(DROP_IN, "[Service]\nWatchdogSec=1s\n");
  await machine.run("systemctl", "daemon-reload");
  await machine.run("systemctl", "restart", "nodens");
  const pid = await machine.property("nodens", "MainPID");
  const signs = new Set<string>();
  await until("it has said three times that it is alive", async () => {
    signs.add(await machine.property("nodens", "WatchdogTimestampMonotonic"));
    return signs.size > 3;
  });
  assert.equal(await machine.property("nodens", "MainPID"), pid);
  await machine.run("kill", "-STOP", pid);
  const isAnother = async () => {
    const now = await machine.property("nodens", "MainPID");
    return now !== "0" && now !== pid;
  };
  await until("another process", isAnother);
  const log = await machine.run("journalctl", "-u", "nodens", "-o", "cat", "--no-pager");
  assert.match(log, /nodens\.service: Watchdog timeout/);
  await stage.answersFrom(0, "awake");
});

test("nodens.service takes changes over, by itself and when asked, and refuses bad ones", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install();
  const pid = await machine.property("nodens", "MainPID");
  const corefile = machine.read(COREFILE)!;
  const withHosts = (address: string) =>
    corefile.replace("    loop\n", `    hosts {\n${address} own.example.org\nfallthrough\n}\n`);
  const answer = async (address: string) => {
    await until(`own.example.org is ${address}`, async () => {
      return (await machine.lookUp("own.example.org"))[0] === address;
    });
  };
  machine.write(COREFILE, withHosts("198.51.100.1"));
  await answer("198.51.100.1");
  machine.write(COREFILE, withHosts("198.51.100.2"));
  await machine.run("systemctl", "reload", "nodens");
  await answer("198.51.100.2");
  machine.write(COREFILE, "nonsense {");
  await machine.run("systemctl", "reload", "nodens");
  const isRefused = async () => {
    const words = ["journalctl", "-u", "nodens", "-o", "cat", "--no-pager"];
    return (await machine.run(...words)).includes("Corefile changed but reload failed");
  };
  await until("the change is refused", isRefused);
  await answer("198.51.100.2");
  const isUp = async () => (await machine.property("nodens", "ActiveState")) === "active";
  await until("the service is active, and no longer reloading", isUp);
  assert.equal(await machine.property("nodens", "MainPID"), pid);
});

test("nodens install takes everything back when the service cannot start", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  const dnsmasq = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"];
  await machine.run("systemd-run", "--quiet", "--unit=other", ...dnsmasq);
  await until("another server has the port", async () => {
    return (await machine.run("ss", "-Hlun", "sport = :53")) !== "";
  });
  const before = await stage.snapshot();
  const { code, stdout, stderr } = await machine.attempt([EXECUTABLE, "install", "-systemd"]);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^nodens: Cannot start nodens: Cannot listen on UDP .*address already in use/m,
  );
  assert.match(stdout, /^taking everything back$/m);
  assertSame(await stage.snapshot(), before);
  assert.notEqual((await machine.attempt(["systemctl", "is-active", "nodens"])).code, 0);
});

test("nodens uninstall takes back what an installation has begun that was killed", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  const before = await stage.snapshot();
  const moments = [
    "ran cp",
    "wrote /etc/nodens/nodens.env",
    "ran systemctl",
    "wrote /etc/resolv.conf",
  ];
  for (const moment of moments) {
    // The process itself is to be killed, and not `nsenter`, which waits for it outside.
    const start = ["sh", "-c", 'echo $$; exec "$0" install -systemd', EXECUTABLE];
    const [command, ...args] = machine.enter(start);
    const child = spawn(command!, args, { stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (!said.includes(moment) && (said + text).includes(moment)) {
        void machine.attempt(["kill", "-KILL", (said + text).split("\n")[0]!]);
      }
      said += text;
    });
    const hasEnded = () => child.signalCode !== null || child.exitCode !== null;
    await until("the installation has ended", hasEnded);
    assert.doesNotMatch(said, /^this machine's DNS is nodens/m);
    await machine.run(EXECUTABLE, "uninstall", "-purge");
    assertSame(await stage.snapshot(), before);
  }
});

test("nodens install brings a new executable, and the one before back, also by itself", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install();
  const running = async () => {
    const pid = await machine.property("nodens", "MainPID");
    return (await machine.run("sha256sum", `/proc/${pid}/exe`)).split(" ")[0];
  };
  const first = await running();
  await machine.run("sh", "-c", 'cp "$0" /opt/nodens && echo >>/opt/nodens', EXECUTABLE);
  await machine.run("/opt/nodens", "install", "-systemd");
  assert.notEqual(await running(), first);
  await machine.run(`${INSTALLED}.previous`, "install", "-systemd");
  assert.equal(await running(), first);
  await stage.answersFrom(0, "first");
  // A new version that does not start: only this one is let start from now on.
  machine.write(DROP_IN, `[Service]\nExecStartPre=+cmp ${EXECUTABLE} ${INSTALLED}\n`);
  const { code, stderr } = await machine.attempt(["/opt/nodens", "install", "-systemd"]);
  assert.equal(code, 1);
  assert.match(stderr, /^nodens: Cannot start nodens: /m);
  assert.equal(await running(), first);
  await stage.answersFrom(0, "second");
});

test("nodens install changes nothing where no DNS server answers", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  machine.write("/etc/resolv.conf", "nameserver 127.0.0.9\n");
  const before = await stage.snapshot();
  const { code, stdout, stderr } = await machine.attempt([EXECUTABLE, "install", "-systemd"]);
  assert.deepEqual([code, stdout], [1, "the machine's resolver is /etc/resolv.conf\n"]);
  assert.match(stderr, /^nodens: Cannot install nodens: 127\.0\.0\.9 does not answer/m);
  assertSame(await stage.snapshot(), before);
});

test("containers behind a bridge are answered at the same address", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  const container = stage.lan.container;
  await stage.install();
  // As docker does it: a bridge, and masquerading for what leaves the machine.
  await machine.run("ip", "link", "add", "docker0", "type", "bridge");
  await machine.run("ip", "address", "add", "172.17.0.1/16", "dev", "docker0");
  await machine.run("ip", "link", "set", "docker0", "up");
  await machine.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
  const masquerade = "iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE";
  await machine.run(...masquerade.split(" "));
  await run(["ip", "netns", "add", container]);
  cleanUp(context, async () => await removeNamespace(container));
  const pair = ["veth0", "type", "veth", "peer", "name", "eth0", "netns", container];
  await run(["ip", "-n", stage.lan.machine, "link", "add", ...pair]);
  await machine.run("ip", "link", "set", "veth0", "master", "docker0", "up");
  await run(["ip", "-n", container, "address", "add", "172.17.0.2/16", "dev", "eth0"]);
  await run(["ip", "-n", container, "link", "set", "eth0", "up"]);
  await run(["ip", "-n", container, "route", "add", "default", "via", "172.17.0.1"]);
  const ask = async (name: string) => {
    const words = ["netns", "exec", container, "dig", "+short", "+time=1", "+tries=3"];
    const { stdout } = await attempt(["ip", ...words, `@${ADDRESS}`, name]);
    return stdout.trim();
  };
  assert.equal(await ask("one.example.org"), SERVERS[0].answer);
  await stage.fallsBackTo(0);
  await machine.run("systemctl", "stop", "nodens");
  assert.equal(await ask("two.example.org"), SERVERS[0].answer, "the fallback answers");
});

test("nodens install on loopback leaves names to the next server when nodens is gone", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  await stage.install("-address", "127.0.0.1");
  await stage.asksNodens("first");
  assert.doesNotMatch(await machine.run("iptables-save"), /nodens/);
  await machine.run("systemctl", "stop", "nodens");
  assert.deepEqual(await machine.lookUp("second.example.org"), [SERVERS[0].answer]);
  await machine.run(INSTALLED, "uninstall");
});

test("nodens.service is well formed and well shut in", async (context) => {
  const stage = await Stage.make(context, PLAIN_FILE);
  const { machine } = stage;
  const found = machine.read("/etc/resolv.conf")!;
  await stage.install("-keep-resolver");
  assert.equal(machine.read("/etc/resolv.conf"), found);
  const { stdout } = await machine.attempt(["dig", "+short", `@${ADDRESS}`, "a.example.org"]);
  assert.equal(stdout.trim(), SERVERS[0].answer);
  await machine.run(INSTALLED, "uninstall");
  await stage.install();
  const units = ["nodens.service", "nodens-resolver.path", "nodens-resolver.service"];
  const verified = await machine.attempt(["systemd-analyze", "verify", ...units]);
  assert.deepEqual([verified.code, verified.stderr], [0, ""]);
  const text = await machine.run("systemd-analyze", "security", "nodens.service", "--no-pager");
  const exposure = Number(/exposure level for nodens\.service: ([\d.]+)/.exec(text)![1]);
  assert.ok(exposure <= EXPOSURE_MAX, `exposure ${exposure}`);
});
