import assert from "node:assert/strict";
import { test } from "node:test";
import { createFrontPlugins } from "../stages.ts";
import { frontPlugin, queryAsking, readSetup, STAGE_CONTEXT } from "../testing.ts";
import { templateSetup } from "./setup.ts";

const CLIENT = { bytes: new Uint8Array(4), offset: 0, length: 4 };

test("template stands before the cache only where it makes aliases", () => {
  const cases: [options: string, stands: boolean][] = [
    ['answer "{{ .Name }} 60 IN A 192.0.2.1"', false],
    ['answer "{{ .Name }} 60 IN CNAME a."', true],
    ['answer "{{ if .Name }}{{ .Name }} cname a.{{ end }}"', true],
    ['additional "{{ .Name }} 60 IN CNAME a."', false],
  ];
  for (const [options, stands] of cases) {
    const { view } = readSetup(templateSetup, `template IN ANY {\n${options}\n}`);
    const plugins = createFrontPlugins(view.plugins, STAGE_CONTEXT);
    assert.equal(plugins.length === 1, stands, options);
  }
});

test("TemplateAliasPlugin.wants() questions for addresses that a template of aliases fits", () => {
  const plugin = frontPlugin(
    templateSetup,
    `template IN A example {
      match ^www[.]
      answer "{{ .Name }} 60 IN CNAME a."
    }
    template ANY ANY example.org {
      answer "{{ .Name }} 60 IN CNAME a."
    }
    template IN A {
      answer "{{ .Name }} 60 IN A 192.0.2.1"
    }`,
  );
  const cases: [question: string, wants: boolean][] = [
    ["WWW.example. A", true],
    ["www.example. AAAA", false],
    ["web.example. A", false],
    ["a.example.org. AAAA", true],
    ["a.example.org. MX", false],
    ["example.net. A", false],
  ];
  for (const [question, wants] of cases) {
    assert.equal(plugin.wants(queryAsking(question), CLIENT), wants, question);
  }
});
