import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { memorySource } from "../config/source.ts";
import { type FmtFiles, fmtCommand } from "./fmt_command.ts";
import { type FmtOptions, readFmtOptions } from "./fmt_flags.ts";
import { UsageError } from "./usage_error.ts";

const UGLY = ".:53 {\n  errors\n}\n";
const GOOD = ".:53 {\n    errors\n}\n";
const BROKEN = ".:53 {\n  errors }\n";

interface Result {
  readonly code: number;
  readonly out: string[];
  readonly errors: string[];
  readonly written: Record<string, string>;
}

function run(options: FmtOptions, files: Readonly<Record<string, string>>): Result {
  const result = { out: [] as string[], errors: [] as string[], written: {} };
  const terminal = {
    out: (line: string) => result.out.push(line),
    error: (line: string) => result.errors.push(line),
  };
  const fmtFiles: FmtFiles = {
    source: memorySource(files),
    write(file, text) {
      if (file === "sealed") throw new Error("permission denied");
      Object.assign(result.written, { [file]: text });
    },
  };
  return { code: fmtCommand(options, terminal, fmtFiles), ...result };
}

test("fmtCommand() prints a file, ./Corefile or standard input", () => {
  const files = { Corefile: UGLY, other: GOOD, stdin: UGLY };
  for (const names of [[], ["Corefile"], ["other"], ["-"]]) {
    assert.deepEqual(run({ files: names, mode: "print" }, files), {
      code: 0,
      out: [GOOD.trimEnd()],
      errors: [],
      written: {},
    });
  }
});

test("fmtCommand() writes only what was not formatted", () => {
  const options: FmtOptions = { files: ["a", "b"], mode: "write" };
  assert.deepEqual(run(options, { a: UGLY, b: GOOD }), {
    code: 0,
    out: ["a: formatted"],
    errors: [],
    written: { a: GOOD },
  });
  const sealed = run({ files: ["sealed"], mode: "write" }, { sealed: UGLY });
  assert.deepEqual(sealed.errors, ["nodens: Cannot write sealed: permission denied"]);
  assert.equal(sealed.code, 1);
});

test("fmtCommand() checks, and names the first line that is not formatted", () => {
  const options: FmtOptions = { files: ["a", "b", "c"], mode: "check" };
  const { code, out } = run(options, { a: UGLY, b: GOOD, c: `${GOOD}\n` });
  assert.deepEqual(out, ["a:2: not formatted", "c:4: not formatted"]);
  assert.equal(code, 1);
  assert.equal(run({ files: ["b"], mode: "check" }, { b: GOOD }).code, 0);
});

test("fmtCommand() returns 2 for what it cannot read or parse, and goes on", () => {
  const options: FmtOptions = { files: ["none", "bad", "a"], mode: "write" };
  const { code, errors, written } = run(options, { bad: BROKEN, a: UGLY });
  assert.equal(code, 2);
  assert.deepEqual(written, { a: GOOD });
  assert.deepEqual(errors, [
    "nodens: Cannot read none: no such file",
    "1 error:",
    "bad:2:10: Unexpected '}': expected it on a line of its own",
    "",
    "nodens: Cannot format bad: it cannot be parsed",
  ]);
});

test("fmtCommand() replaces a file as a whole, behind a link, and keeps its mode", () => {
  const folder = mkdtempSync(join(tmpdir(), "nodens-"));
  try {
    const [file, link] = [join(folder, "Corefile"), join(folder, "link")];
    writeFileSync(file, UGLY, { mode: 0o600 });
    symlinkSync(file, link);
    const terminal = { out() {}, error: assert.fail };
    assert.equal(fmtCommand({ files: [link], mode: "write" }, terminal), 0);
    assert.equal(readFileSync(file, "utf8"), GOOD);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["Corefile", "link"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("readFmtOptions() refuses flags that contradict each other", () => {
  assert.deepEqual(readFmtOptions({ write: true }, ["a"]), { files: ["a"], mode: "write" });
  assert.deepEqual(readFmtOptions({ check: true }, []), { files: [], mode: "check" });
  assert.throws(() => readFmtOptions({ write: true, check: true }, []), UsageError);
  assert.throws(() => readFmtOptions({ write: true }, ["-"]), UsageError);
});
