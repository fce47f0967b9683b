import assert from "node:assert/strict";
import { test } from "node:test";
import { Expected, type Flag, parseFlags } from "./go_flags.ts";
import { UsageError } from "./usage_error.ts";

const FLAGS: readonly Flag[] = [
  { name: "conf", value: "FILE", description: "", group: "" },
  {
    name: "dns.port",
    aliases: ["p"],
    value: "PORT",
    description: "",
    group: "",
    read(text) {
      if (!/^[0-9]+$/.test(text)) throw new Expected("a port");
      return Number(text);
    },
  },
  { name: "quiet", value: null, description: "", group: "" },
];

function check(args: string[], values: Record<string, unknown>, operands: string[] = []): void {
  const parsed = parseFlags(args, FLAGS);
  assert.deepEqual(Object.fromEntries(parsed.values), values, args.join(" "));
  assert.deepEqual(parsed.operands, operands, args.join(" "));
}

function checkError(args: string[], message: string): void {
  assert.throws(
    () => parseFlags(args, FLAGS),
    (error) => error instanceof UsageError && error.message === message,
    message,
  );
}

test("parseFlags() takes one dash for two, and a space for '='", () => {
  check([], {});
  for (const args of [["-conf", "a"], ["-conf=a"], ["--conf", "a"], ["--conf=a"]]) {
    check(args, { conf: "a" });
  }
  check(["-p", "53"], { "dns.port": 53 });
  check(["-dns.port=53", "-p=54"], { "dns.port": 54 });
  check(["-conf", "-p"], { conf: "-p" });
  check(["-conf="], { conf: "" });
  check(["-conf=a=b"], { conf: "a=b" });
});

test("parseFlags() gives a boolean flag its value only after '='", () => {
  check(["-quiet"], { quiet: true });
  check(["-quiet=false"], { quiet: false });
  check(["--quiet=0", "x"], { quiet: false }, ["x"]);
  check(["-quiet", "false"], { quiet: true }, ["false"]);
  for (const text of ["1", "t", "T", "TRUE", "true", "True"])
    check([`-quiet=${text}`], { quiet: true });
});

test("parseFlags() keeps operands in order, and all after '--'", () => {
  check(["a", "-quiet", "b"], { quiet: true }, ["a", "b"]);
  check(["a", "--", "-quiet"], {}, ["a", "-quiet"]);
  check(["-"], {}, ["-"]);
});

test("parseFlags() writes the same flags in one uniform way", () => {
  const { uniform } = parseFlags(["a", "-p", "53", "-quiet", "-conf=x y"], FLAGS);
  assert.deepEqual(uniform, ["--dns.port=53", "--quiet", "--conf=x y", "--", "a"]);
  assert.deepEqual(parseFlags(["-quiet=false", "-p=53"], FLAGS).uniform, ["--dns.port=53", "--"]);
});

test("parseFlags() names the flag that was meant, the missing value, and the expected form", () => {
  checkError(["-cofn", "x"], 'Unknown flag "-cofn": did you mean "-conf"?');
  checkError(["--zzzzz"], 'Unknown flag "-zzzzz": see -help for all');
  checkError(["-conf"], 'Missing value after "-conf": expected -conf FILE');
  checkError(["-p"], 'Missing value after "-p": expected -p PORT');
  checkError(["-p", "x"], 'Cannot read value of "-p": expected a port, got "x"');
  checkError(
    ["-quiet=maybe"],
    'Cannot read value of "-quiet": expected true or false, got "maybe"',
  );
});
