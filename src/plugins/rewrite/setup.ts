/** `rewrite` directives to checked settings. See README.md. */

import type { Token } from "../../config/lexer.ts";
import type { Directive } from "../../config/parser.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup } from "../plugin_setup.ts";
import { RuleReader } from "./rule_reader.ts";
import { type RewriteSettings, rewriteSettings } from "./settings.ts";

const MODES = ["continue", "stop"];

export const rewriteSetup: PluginSetup<RewriteSettings> = {
  name: "rewrite",
  order: pluginOrder("rewrite"),
  schema: rewriteSettings,
  parse(directives, { problems }) {
    const reader = new DirectiveReader("rewrite", problems);
    const rules = directives.flatMap((directive) => {
      const words = wordsOf(directive, reader);
      if (words === null) return [];
      const hasMode = words.length > 0 && MODES.includes(words[0].text.toLowerCase());
      const isLast = !hasMode || words[0].text.toLowerCase() === "stop";
      const rule = new RuleReader(reader, directive.name, isLast).read(
        words.slice(hasMode ? 1 : 0),
      );
      return rule === null ? [] : [rule];
    });
    return { rules };
  },
  contribute: (settings, view) => void view.plugins.push({ plugin: "rewrite", settings }),
};

/** The words of a rule, which may stand on one line or on lines between braces. */
function wordsOf(directive: Directive, reader: DirectiveReader): readonly Token[] | null {
  const { args, options } = directive;
  if (options.length === 0) return args;
  if (args.length > 1) {
    const place = options[0].name;
    reader.error(place, `Unexpected "${place.text}": expected the rule on one line or in braces`);
    return null;
  }
  return [...args, ...options.flatMap((line) => [line.name, ...line.args])];
}
