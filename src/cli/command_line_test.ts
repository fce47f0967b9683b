import assert from "node:assert/strict";
import { test } from "node:test";
import { PLUGIN_NAMES } from "../plugins/registry.ts";
import { runCommandLine } from "./command_line.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const out: string[] = [];
  const error: string[] = [];
  const terminal = {
    out: (text: string) => out.push(text),
    error: (text: string) => error.push(text),
  };
  const code = await runCommandLine(args, terminal);
  return { code, out: out.join("\n"), error: error.join("\n") };
}

async function checkUsage(args: string[], message: string): Promise<void> {
  assert.deepEqual(await run(...args), { code: 2, out: "", error: `nodens: ${message}` });
}

const HELP = `\
Usage: nodens [flags]
       nodens COMMAND [flags]

DNS cache for one node, in place of node-cache.

Start:
  -conf FILE          Corefile to serve (default ./Corefile)
  -p, -dns.port PORT  port of server blocks that name none (default 53)
  -memory SIZE        memory for cached answers: 64MiB, 64M, 1g or bytes (default 64MiB)
  -workers COUNT      threads that answer queries; auto is one per core (default 1)
  -pidfile FILE       write the process id here once queries are answered
  -readyfile FILE     keep an empty file here while queries are welcome
  -quiet              print nothing at start

Commands:
  check [FILE]                 report everything that is wrong with a Corefile
  config [FILE]                print what a Corefile means, with every default
  fmt [FILE...]                format a Corefile, to standard output
  query NAME [TYPE] [@SERVER]  ask a DNS server, that of this machine when none is named
  rules                        print the iptables rules that an address needs, with reasons
  status                       report which addresses are taken over, by what, and what is amiss
  cleanup                      remove what nodens or node-cache left on this node
  doctor                       report what on this machine stands in the way of interception
  install                      make nodens a service of this machine, and its DNS
  uninstall                    take back what install has done
  resolver                     bring resolv.conf up to date after others have written it
  version                      print the version
  help [COMMAND]               print help, of a command when one is named

Information:
  -version   print the version and stop
  -plugins   print the plugins and stop
  -h, -help  print this

Take over addresses (as node-cache does):
  -localip IPS                     addresses to take over
  -lease KIND                      what holds them: tun, nft, socket, none (default auto)
  -interfacename NAME              name of their interface (default nodelocaldns)
  -setupinterface                  create and keep the interface (default true)
  -setupiptables                   create and keep the iptables rules (default true)
  -syncinterval TIME               between full checks of interface and rules, seconds (default 60)
  -health-port PORT                port of the health check, for the rules (default 8080)
  -fallback SERVERS                where addresses without a Service lead meanwhile
  -fallbacksvc NAME                the same from a headless Service, by its DNS name
  -keepfallback                    leave the rules that lead there after a clean stop
  -skipteardown                    leave rules at exit
  -metrics-listen-address ADDRESS  metrics of the set-up; 0 for none (default 0.0.0.0:9353)

Corefile from a template (as node-cache does):
  -basecorefile FILE                  template of the Corefile (default /etc/coredns/Corefile.base)
  -corefile FILE                      where the Corefile is written (default /etc/Corefile)
  -kubednscm DIRECTORY                ConfigMap of kube-dns (default /etc/kube-dns)
  -upstreamsvc SERVICE                Service of the cluster's DNS (default kube-dns)
  -prometheus-listen-address ADDRESS  metrics of the DNS server; 0 for none (default :9253)
  -reloadwithsignal                   apply changes at once, whatever reload's interval is

Examples:
  nodens -conf /etc/coredns/Corefile -memory 128MiB
  nodens check /etc/coredns/Corefile
  nodens fmt -write /etc/coredns/Corefile
  nodens query example.org @169.254.20.10
  nodens query -x 192.0.2.1 @127.0.0.1 -p 1053 -short
  nodens rules -localip 169.254.20.10,10.96.0.10
  nodens cleanup -dry-run
  nodens install -systemd -dry-run

Exit codes: 0 stopped or good, 1 failed or no answer, 2 usage or configuration`;

const QUERY_HELP = `\
Usage: nodens query NAME [TYPE] [@SERVER] [flags]

Ask a DNS server, that of this machine when none is named.

Flags:
  -p, -port PORT  port of the server (default 53)
  -x ADDRESS      ask for the name of an address (PTR)
  -tcp            ask by TCP
  -dnssec         ask for signatures too (DO)
  -timeout TIME   give up after this, such as 2 or 500ms (default 5s)
  -short          print the data of the answer only
  -json           print the whole answer as JSON
  -h, -help       print this`;

const RULES_HELP = `\
Usage: nodens rules -localip IPS [flags]

Print the iptables rules that an address needs, with reasons.

Flags:
  -localip IPS        addresses to take over
  -p, -dns.port PORT  port of DNS on them (default 53)
  -health-port PORT   port of the health check (default 8080)
  -lease KIND         auto, tun, nft, socket or none; auto is shown as tun (default auto)
  -fallback SERVERS   who answers for link-local addresses while nobody holds them
  -h, -help           print this`;

const CLEANUP_HELP = `\
Usage: nodens cleanup [flags]

Remove what nodens or node-cache left on this node.

Flags:
  -dry-run             print what would be removed
  -force               remove although a process still uses it
  -localip IPS         addresses that were taken over, beside those on the interface
  -interfacename NAME  name of the interface (default nodelocaldns)
  -p, -dns.port PORT   port of DNS (default 53)
  -health-port PORT    port of the health check (default 8080)
  -h, -help            print this`;

test("runCommandLine() prints help that fits 100 columns, however it is asked for", async () => {
  for (const args of [["-help"], ["--help"], ["-h"], ["help"], ["run", "-h"], ["help", "run"]]) {
    assert.deepEqual(await run(...args), { code: 0, out: HELP, error: "" }, args.join(" "));
  }
  for (const [name, help] of Object.entries({
    query: QUERY_HELP,
    rules: RULES_HELP,
    cleanup: CLEANUP_HELP,
  })) {
    for (const args of [
      ["help", name],
      [name, "-h"],
      [name, "--help"],
    ]) {
      assert.deepEqual(await run(...args), { code: 0, out: help, error: "" }, args.join(" "));
    }
  }
  for (const line of HELP.split("\n")) assert.ok(line.length <= 100, line);
});

test("runCommandLine() prints version and plugins", async () => {
  for (const args of [["version"], ["-version"], ["--version"]]) {
    const { code, out } = await run(...args);
    assert.equal(code, 0);
    assert.match(out, /^nodens [0-9]+\.[0-9]+\.[0-9]+\S* \([^ ]+, (Node|Deno) [^ ]+, linux-\w+\)$/);
  }
  for (const args of [["version", "-plugins"], ["-plugins"]]) {
    const { out } = await run(...args);
    const names = out.split("\n").slice(1);
    // In order of execution; which there are is no matter of the command line.
    assert.deepEqual(names, PLUGIN_NAMES);
    assert.ok(names.indexOf("cache") < names.indexOf("forward"));
  }
});

test("runCommandLine() hands all flags of a command on", async () => {
  const ports = ["-dns.port", "5300", "-health-port=9000"];
  const { out } = await run("rules", "-localip", "192.0.2.10", "-lease", "socket", ...ports);
  for (const part of ["--dport 5300", "--dport 9000", "-m socket"]) assert.ok(out.includes(part));
  assert.doesNotMatch(out, /port (53|8080) /);
});

test("runCommandLine() says in one line what is wrong with the usage, with exit code 2", async () => {
  await checkUsage(["chek"], 'Unknown command "chek": did you mean "check"?');
  await checkUsage(["Corefile"], 'Unknown command "Corefile": see nodens help');
  await checkUsage(["help", "me"], 'Unknown command "me": see nodens help');
  await checkUsage(["-cnf", "x"], 'Unknown flag "-cnf": did you mean "-conf"?');
  await checkUsage(["-quiet", "x"], 'Unexpected "x": a Corefile is named with -conf FILE');
  await checkUsage(["check", "-jsno"], 'Unknown flag "-jsno": did you mean "-json"?');
  await checkUsage(
    ["check", "a", "b"],
    "Cannot run check: too many arguments for 'check'. Expected 1 argument but got 2",
  );
  await checkUsage(["query"], "Missing name to ask for: expected NAME [TYPE] [@SERVER]");
  await checkUsage(
    ["query", "a", "TPYE"],
    'Unknown type "TPYE": expected a type such as A, AAAA, SRV or TYPE65',
  );
  await checkUsage(["query", "a", "CNMAE"], 'Unknown type "CNMAE": did you mean "CNAME"?');
  await checkUsage(["query", "a..b"], 'Cannot ask for "a..b": expected no empty label');
  await checkUsage(["query", "a", "A", "b"], 'Unexpected "b": expected NAME [TYPE] [@SERVER]');
  await checkUsage(
    ["query", "a", "@192.0.2.1:x"],
    'Cannot read server "@192.0.2.1:x": expected @ADDRESS or @ADDRESS:PORT',
  );
  await checkUsage(["rules"], "Missing addresses to take over: expected -localip IPS");
  await checkUsage(
    ["rules", "-lease", "tap"],
    'Cannot read value of "-lease": expected auto, tun, nft, socket, none, got "tap"',
  );
  await checkUsage(
    ["rules", "-fallback", "192.0.2.1:0"],
    'Cannot read value of "-fallback": expected ADDRESS or ADDRESS:PORT with commas between, ' +
      'such as 10.244.0.2:53, got "192.0.2.1:0"',
  );
  await checkUsage(
    ["cleanup", "now"],
    "Cannot run cleanup: too many arguments for 'cleanup'. Expected 0 arguments but got 1",
  );
  await checkUsage(
    ["query", "-x", "a"],
    'Cannot read value of "-x": expected an IP address, got "a"',
  );
  await checkUsage(
    ["query", "a", "-timeout", "soon"],
    'Cannot read value of "-timeout": expected seconds or a duration up to 1h, such as 2 or 500ms, got "soon"',
  );
});
