/** What hack/release.sh refuses, in a repository of its own, and the image of two architectures. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { cleanUp, type Ending } from "../support/clean_up.ts";
import { builtArchive, readArchive } from "./support/image.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** A repository with what the script looks at before it builds anything. */
class Repository {
  readonly folder: string;

  constructor(context: Ending) {
    this.folder = mkdtempSync(join(tmpdir(), `nodens-release-${process.pid}-`));
    cleanUp(context, () => rmSync(this.folder, { recursive: true, force: true }));
    for (const name of ["release.sh", "lib.sh"]) {
      cpSync(join(ROOT, "hack", name), join(this.folder, "hack", name));
    }
    this.write("package.json", '{\n  "version": "1.2.3",\n  "private": true\n}\n');
    this.write("CHANGELOG.md", "# Changelog\n\n## 1.2.3\n");
    this.write(
      "deploy/helm/nodens/Chart.yaml",
      "name: nodens\nversion: 1.2.3\nappVersion: 1.2.3\n",
    );
    this.git("init", "--quiet");
    this.commit();
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  git(...words: string[]): void {
    const identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"];
    execFileSync("git", [...identity, ...words], { cwd: this.folder, stdio: "pipe" });
  }

  commit(): void {
    this.git("add", "-A");
    this.git("commit", "--quiet", "-m", "state");
  }

  /** The complaint; the script must have failed. */
  refusal(...words: string[]): string {
    const { status, stderr } = spawnSync(join(this.folder, "hack", "release.sh"), words, {
      encoding: "utf8",
    });
    assert.notEqual(status, 0);
    return stderr;
  }
}

test("release.sh refuses files that are not as in the commit", (context) => {
  const repository = new Repository(context);
  repository.git("tag", "v1.2.3");
  repository.write("CHANGELOG.md", "# Changelog\n\n## 1.2.3\n\n- more\n");
  assert.match(repository.refusal(), /^Cannot release 1\.2\.3: files are not as in the commit/);
  repository.git("checkout", "--quiet", ".");
  repository.write("new.txt", "");
  assert.match(repository.refusal("--dry-run"), /files are not as in the commit/);
});

test("release.sh refuses a commit without the version's tag", (context) => {
  const repository = new Repository(context);
  assert.match(repository.refusal(), /the commit has the tags "", expected v1\.2\.3/);
  repository.git("tag", "v1.2.4");
  assert.match(repository.refusal(), /the commit has the tags "v1\.2\.4", expected v1\.2\.3/);
});

test("release.sh refuses a version that CHANGELOG.md does not have", (context) => {
  const repository = new Repository(context);
  repository.write("CHANGELOG.md", "# Changelog\n\n## 1.2.30\n\n## 1.2.2\n");
  repository.commit();
  repository.git("tag", "v1.2.3");
  assert.match(repository.refusal(), /CHANGELOG\.md has no heading "## 1\.2\.3"/);
});

test("release.sh refuses a chart of another version, a dry run too", (context) => {
  for (const text of [
    "version: 1.2.2\nappVersion: 1.2.3\n",
    "version: 1.2.3\nappVersion: 1x2x3\n",
  ]) {
    const repository = new Repository(context);
    repository.write("deploy/helm/nodens/Chart.yaml", `name: nodens\n${text}`);
    repository.commit();
    repository.git("tag", "v1.2.3");
    const expected = /(version|appVersion) in deploy\/helm\/nodens\/Chart\.yaml is not 1\.2\.3/;
    assert.match(repository.refusal("--dry-run"), expected);
  }
});

test("release.sh names its usage", (context) => {
  const repository = new Repository(context);
  assert.match(repository.refusal("--push"), /"--push" is not known; usage: /);
});

test("release.sh packs every script that install.sh and uninstall.sh read", () => {
  const release = readFileSync(join(ROOT, "hack", "release.sh"), "utf8");
  for (const script of ["install.sh", "uninstall.sh"]) {
    const text = readFileSync(join(ROOT, "hack", script), "utf8");
    const read = [...text.matchAll(/^\s*\. "\$here\/(\S+)"$/gm)].map(([, name = ""]) => name);
    assert.notEqual(read.length, 0, script);
    for (const name of [script, ...read]) assert.ok(release.includes(` hack/${name} `), name);
  }
});

test("image_index.ts makes one image of two architectures", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), `nodens-index-${process.pid}-`));
  cleanUp(context, () => rmSync(folder, { recursive: true, force: true }));
  const archives = [await builtArchive("amd64"), await builtArchive("arm64")];
  const words = ["build/image_index.ts", "--folder", join(folder, "layout"), ...archives];
  const printed = execFileSync(process.execPath, words, { cwd: ROOT, encoding: "utf8" }).trim();
  const read = (file: string) => JSON.parse(readFileSync(join(folder, "layout", file), "utf8"));
  assert.equal(read("index.json").manifests[0].digest, printed);
  const { manifests } = read(`blobs/${printed.replace(":", "/")}`) as {
    manifests: readonly { digest: string; platform: object }[];
  };
  assert.deepEqual(
    manifests.map(({ digest, platform }) => ({ digest, platform })),
    archives.map((archive) => {
      const { digest, config } = readArchive(archive);
      return { digest, platform: { architecture: config.architecture, os: "linux" } };
    }),
  );
});
