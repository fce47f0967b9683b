/** `bind` directives to addresses to listen on. See README.md. */

import * as z from "zod/mini";
import type { Token } from "../../config/lexer.ts";
import type { Directive } from "../../config/parser.ts";
import { canonicalIpAddress } from "../../std/ip_address.ts";
import { suggestWord } from "../../std/nearest_word.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";

const bindSettings = z.object({
  /** Canonical addresses without scope, in the order of the Corefile, each once. */
  addresses: z.array(z.string()),
});

export type BindSettings = z.infer<typeof bindSettings>;

export const bindSetup: PluginSetup<BindSettings> = {
  name: "bind",
  order: pluginOrder("bind"),
  schema: bindSettings,
  parse,
  contribute,
};

const WILDCARDS = ["0.0.0.0", "::"];

function parse(directives: readonly Directive[], context: SetupContext): BindSettings {
  const reader = new DirectiveReader("bind", context.problems);
  const addresses: string[] = [];
  for (const directive of directives) {
    if (directive.args.length === 0) {
      reader.error(directive.name, "Missing argument: expected bind ADDRESS|INTERFACE...");
      continue;
    }
    const excepted: string[] = [];
    reader.options(directive, {
      except: (line) => {
        const max = Number.POSITIVE_INFINITY;
        if (!reader.count(line, { min: 1, max, syntax: "except ADDRESS|INTERFACE..." })) return;
        for (const token of line.args) excepted.push(...resolve(reader, token, context));
      },
    });
    const named = directive.args.flatMap((token) => resolve(reader, token, context));
    const kept = named.filter((address) => !excepted.includes(address));
    if (named.length > 0 && kept.length === 0) {
      reader.error(directive.name, "Cannot listen anywhere: except leaves no address");
    }
    addresses.push(...kept);
  }
  return { addresses: [...new Set(addresses)] };
}

/** Addresses of an interface, or one address; empty after a problem. */
function resolve(reader: DirectiveReader, token: Token, context: SetupContext): string[] {
  const interfaces = context.source.interfaces();
  const found = interfaces.find((entry) => entry.name === token.text);
  if (found === undefined) {
    const address = canonicalIpAddress(token.text.replace(/^\[(.*)\]$/, "$1"));
    if (address !== null) return [address];
    const names = interfaces.map((entry) => entry.name);
    const near = suggestWord(token.text, names) || `: interfaces are ${names.join(", ") || "none"}`;
    const wanted = `expected an IP address or an interface, got "${token.text}"`;
    reader.error(token, `Cannot read address: ${wanted}${near}`);
    return [];
  }
  const scoped = found.addresses.filter((address) => address.includes("%"));
  if (scoped.length > 0) {
    const what = `Address ${scoped.join(", ")} of interface "${found.name}" is left out`;
    reader.warning(token, `${what}: this version does not listen on link-local IPv6 addresses`);
  }
  const addresses = found.addresses.filter((address) => !address.includes("%"));
  if (addresses.length === 0) {
    reader.error(token, `Cannot listen on interface "${found.name}": it has no address`);
  }
  return addresses.map((address) => canonicalIpAddress(address) ?? address);
}

// Either wildcard means every address of both families, as in CoreDNS (Go listens dual-stack).
function contribute(settings: BindSettings, view: ViewDraft): void {
  view.addresses = [...boundAddresses(settings)];
}

/** Addresses to listen on; empty for all of the machine. */
export function boundAddresses({ addresses }: BindSettings): readonly string[] {
  return addresses.some((address) => WILDCARDS.includes(address)) ? [] : addresses;
}
