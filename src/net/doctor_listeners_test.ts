import assert from "node:assert/strict";
import { test } from "node:test";
import { checkListeners, parseListeners } from "./doctor_listeners.ts";
import { fakeFacts, processStatus } from "./testing.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
const SUBJECT = { addresses: ["169.254.20.10", "fd00::a"], interfaceName: "nodelocaldns" };

/** A line of /proc/net/udp; addresses are written as the kernel writes them. */
function socket(local: string, state: string, inode: number): string {
  const rest = "00000000:00000000 00:00000000 00000000     0        0";
  return `  101: ${local} 00000000:0000 ${state} ${rest} ${inode} 2 0000000000000000 0\n`;
}

const LOCALHOST_53 = "3500007F:0035";
const ANY = "00000000:0035";
const OURS = "0A14FEA9:0035";
const OURS_V6 = `${"000000FD"}${"00000000"}${"00000000"}${"0A000000"}:0035`;
const ANY_V6 = `${"0".repeat(32)}:0035`;

interface Case {
  readonly udp?: string;
  readonly tcp?: string;
  readonly udp6?: string;
  readonly tcp6?: string;
  /** Name of process 100, which holds socket 5000; null is "cannot be seen". */
  readonly name?: string | null;
  readonly file?: string;
  readonly uid?: number;
}

function check({ name = "dnsmasq", file = "/usr/bin/x", uid = 0, ...tables }: Case) {
  const files: Record<string, string> = { "/proc/self/status": processStatus([], uid) };
  for (const [table, text] of Object.entries(tables)) files[`/proc/net/${table}`] = HEAD + text;
  const links: Record<string, string> = {};
  if (name !== null) {
    files["/proc/100/comm"] = `${name}\n`;
    links["/proc/100/exe"] = file;
    links["/proc/100/fd/7"] = "socket:[5000]";
  }
  return checkListeners(fakeFacts({ files, links }), SUBJECT);
}

test("parseListeners() reads addresses of both families", () => {
  const text = HEAD + socket(LOCALHOST_53, "07", 1) + socket(OURS_V6, "07", 2) + "nonsense\n";
  assert.deepEqual(parseListeners(text, "07"), [
    { address: "127.0.0.53", port: 53, inode: "1" },
    { address: "fd00::a", port: 53, inode: "2" },
  ]);
  // Connected, or of a client.
  assert.deepEqual(parseListeners(HEAD + socket(LOCALHOST_53, "01", 1), "07"), []);
});

test("checkListeners() finds nobody, and leaves those alone who do no harm", () => {
  assert.deepEqual(check({}), [
    { level: "ok", what: "port 53", found: "nobody listens", fix: null },
  ]);
  const udp = socket(LOCALHOST_53, "07", 5000);
  const tcp = socket(LOCALHOST_53, "0A", 5000);
  const [stub] = check({ udp, tcp, name: "systemd-resolve" });
  assert.equal(stub.level, "ok");
  assert.equal(
    stub.found,
    "systemd-resolve listens on 127.0.0.53:53 (udp, tcp), which is no hindrance",
  );
  // Another port.
  assert.equal(check({ udp: socket("00000000:14E9", "07", 5000) })[0].found, "nobody listens");
});

test("checkListeners() finds who has every address, or one of ours", () => {
  const [everywhere] = check({ udp: socket(ANY, "07", 5000) });
  assert.deepEqual(everywhere, {
    level: "bad",
    what: "port 53",
    found: "dnsmasq listens on 0.0.0.0:53 (udp), so that nodens cannot",
    fix: "add bind-dynamic and except-interface=nodelocaldns to its configuration",
  });
  assert.equal(check({ tcp6: socket(ANY_V6, "0A", 5000), name: "x" })[0].level, "bad");
  const [node] = check({ udp: socket(OURS, "07", 5000), name: "node-cache" });
  assert.equal(node.level, "bad");
  assert.match(node.fix ?? "", /^remove node-cache from this node first/);
  assert.equal(check({ udp6: socket(OURS_V6, "07", 5000) })[0].level, "bad");
});

test("checkListeners() knows nodens by its file, whatever its threads are called", () => {
  const udp = socket(OURS, "07", 5000);
  const file = "/usr/local/bin/nodens";
  assert.equal(check({ udp, name: "MainThread", file })[0].level, "ok");
});

test("checkListeners() says that names need root", () => {
  const findings = check({ udp: socket(ANY, "07", 5000), name: null, uid: 1000 });
  assert.match(findings[0].found, /^another process listens on 0\.0\.0\.0:53/);
  assert.deepEqual(findings[1], {
    level: "note",
    what: "port 53",
    found: "who listens cannot be seen",
    fix: "run this as root",
  });
});
