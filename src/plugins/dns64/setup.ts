/** `dns64` directives to checked settings. See README.md. */

import type { Token } from "../../config/lexer.ts";
import type { Directive } from "../../config/parser.ts";
import { parseIpAddress } from "../../std/ip_address.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { TRANSLATED } from "./counters.ts";
import { type Dns64Settings, dns64Settings, PREFIX_BITS, PREFIX_DEFAULT } from "./settings.ts";

const IPV6_BYTES = 16;
/** The byte of bits 64 to 71, which are zero in every address (RFC 6052 §2.2). */
const RESERVED_BYTE = 8;
const BYTE_BITS = 8;

type Prefix = Dns64Settings["prefix"];

export const dns64Setup: PluginSetup<Dns64Settings> = {
  name: "dns64",
  order: pluginOrder("dns64"),
  schema: dns64Settings,
  parse,
  counters: () => [TRANSLATED],
  contribute: (settings, view) => void view.plugins.push({ plugin: "dns64", settings }),
};

function parse(directives: readonly Directive[], { problems }: SetupContext): Dns64Settings {
  const reader = new DirectiveReader("dns64", problems);
  const directive = reader.once(directives);
  const settings = { prefix: wellKnownPrefix(), translateAll: false, allowIpv4: false };
  const readPrefix = (token: Token) => {
    settings.prefix = prefixOf(reader, token) ?? settings.prefix;
  };
  if (reader.count(directive, { max: 1, syntax: "dns64 [PREFIX]" })) {
    directive.args.forEach(readPrefix);
  }
  reader.options(directive, {
    prefix(line) {
      if (reader.count(line, { min: 1, max: 1, syntax: "prefix PREFIX" })) readPrefix(line.args[0]);
    },
    translate_all(line) {
      reader.count(line, { syntax: "translate_all alone" });
      settings.translateAll = true;
    },
    allow_ipv4(line) {
      reader.count(line, { syntax: "allow_ipv4 alone" });
      settings.allowIpv4 = true;
    },
  });
  return settings;
}

function wellKnownPrefix(): Prefix {
  return { bytes: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], bits: 96 };
}

function prefixOf(reader: DirectiveReader, token: Token): Prefix | null {
  const [, addressText, bitsText] = /^([^/]+)\/([0-9]{1,3})$/.exec(token.text) ?? [];
  const bytes = addressText === undefined ? null : parseIpAddress(addressText);
  const failed = (wanted: string) => {
    reader.error(token, `Cannot read prefix: expected ${wanted}, got "${token.text}"`);
    return null;
  };
  if (bytes?.length !== IPV6_BYTES) return failed(`an IPv6 prefix such as ${PREFIX_DEFAULT}`);
  const bits = Number(bitsText);
  if (!PREFIX_BITS.includes(bits)) {
    return failed(`a length of ${PREFIX_BITS.slice(0, -1).join(", ")} or ${PREFIX_BITS.at(-1)}`);
  }
  bytes.fill(0, bits / BYTE_BITS);
  if (bytes[RESERVED_BYTE] !== 0) return failed("bits 64 to 71 to be 0 (RFC 6052 §2.2)");
  return { bytes: [...bytes], bits };
}
