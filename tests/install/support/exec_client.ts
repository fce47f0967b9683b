/**
 * `exec_client.ts URL ARGUMENTS...`: `kubectl exec` for the fake API server, which does not speak
 * SPDY. Understands `[FLAG VALUE]... exec POD -- WORDS...`.
 */

import process from "node:process";

const NAMESPACE = "kube-system";

const [url = "", ...words] = process.argv.slice(2);
const pod = words[words.indexOf("exec") + 1] ?? "";
const query = words
  .slice(words.indexOf("--") + 1)
  .map((word) => `word=${encodeURIComponent(word)}`);
const response = await fetch(`${url}/exec/${NAMESPACE}/${pod}?${query.join("&")}`);
const text = await response.text();
const [code = "1", ...lines] = response.ok ? text.split("\n") : ["1", text];
process.stdout.write(lines.join("\n"));
process.exitCode = Number(code);
