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
      const given = wordsOf(directive, reader);
      if (given === null) return [];
      const words = withModeFirst(given, reader);
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

/**
 * `rewrite name stop FROM TO`, as Kubespray's manual has it, means `rewrite stop name FROM TO`.
 * CoreDNS refuses it: there is no match type of that name, so it can mean nothing else.
 */
function withModeFirst(words: readonly Token[], reader: DirectiveReader): readonly Token[] {
  const [field, mode, ...rest] = words;
  if (rest.length < 2 || field.text.toLowerCase() !== "name") return words;
  if (!MODES.includes(mode.text.toLowerCase())) return words;
  reader.warning(mode, `"${mode.text}" is read as if it stood before "name": write it there`);
  return [mode, field, ...rest];
}

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
