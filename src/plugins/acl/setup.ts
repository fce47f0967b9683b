/** `acl` directives: who may ask what. See README.md. */

import * as z from "zod/mini";
import type { Token } from "../../config/lexer.ts";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { formatIpAddress, parseIpAddress } from "../../std/ip_address.ts";
import { typeCode } from "../../wire/constants.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginSetup, SetupContext } from "../plugin_setup.ts";
import { wholeNumber, zone } from "../values.ts";
import { ALLOWED, BLOCKED, DROPPED, FILTERED } from "./counters.ts";
import type { AclAction, AclPolicyPlan, AclRulePlan } from "./plan.ts";

const ACTIONS: readonly AclAction[] = ["allow", "block", "filter", "drop"];
const EVERYTHING = "*";

const aclSettings = z.object({
  rules: z.array(
    z.object({
      zones: z.array(zone),
      policies: z.array(
        z.object({
          action: z.enum(ACTIONS),
          /** In capitals; empty: every type. */
          types: z.array(z.string()),
          /** Empty: everybody. */
          nets: z.array(
            z.object({
              address: z.string(),
              bits: wholeNumber(0, "a length of a prefix from 0", 128),
            }),
          ),
        }),
      ),
    }),
  ),
});

export type AclSettings = z.infer<typeof aclSettings>;
type Policy = AclSettings["rules"][number]["policies"][number];

export const aclSetup: PluginSetup<AclSettings> = {
  name: "acl",
  order: pluginOrder("acl"),
  schema: aclSettings,
  parse(directives, context) {
    const reader = new DirectiveReader("acl", context.problems);
    return { rules: directives.map((directive) => readRule(reader, directive, context)) };
  },
  counters: () => [ALLOWED, BLOCKED, FILTERED, DROPPED],
  contribute({ rules }, view) {
    const plans = rules.map(
      ({ zones, policies }): AclRulePlan => ({ zones, policies: policies.map(policyPlan) }),
    );
    view.plugins.push({ plugin: "acl", settings: { rules: plans } });
  },
};

function policyPlan({ action, types, nets }: Policy): AclPolicyPlan {
  return { action, types: types.map((type) => typeCode(type)!), nets };
}

function readRule(
  reader: DirectiveReader,
  directive: Directive,
  context: SetupContext,
): AclSettings["rules"][number] {
  const policies: Policy[] = [];
  const read = (line: OptionLine) => {
    const policy = readPolicy(reader, line);
    if (policy !== null) policies.push(policy);
  };
  reader.options(directive, Object.fromEntries(ACTIONS.map((action) => [action, read])));
  const zones = directive.args.length === 0 ? [...context.zones] : reader.zones(directive.args);
  return { zones, policies };
}

/** `ACTION [type QTYPE...] [net SOURCE...]`, each of them any number of times. */
function readPolicy(reader: DirectiveReader, line: OptionLine): Policy | null {
  const policy: Policy = { action: line.name.text as AclAction, types: [], nets: [] };
  // `*` takes back whatever else is named.
  let hasAllTypes = false;
  let isForAll = false;
  let section = "";
  for (const [index, token] of line.args.entries()) {
    const { text } = token;
    const isKeyword = ["type", "net"].includes(text.toLowerCase());
    if (isKeyword) {
      section = text.toLowerCase();
      const next = line.args[index + 1]?.text.toLowerCase();
      if (next === undefined || next === "type" || next === "net") {
        const what = section === "type" ? "QTYPE..." : "SOURCE...";
        reader.error(token, `Missing argument after "${text}": expected ${section} ${what}`);
      }
    } else if (section === "type") {
      if (text === EVERYTHING) hasAllTypes = true;
      else readType(reader, token, policy);
    } else if (section === "net") {
      if (text === EVERYTHING) isForAll = true;
      else readNet(reader, token, policy);
    } else {
      const syntax = `${line.name.text} [type QTYPE...] [net SOURCE...]`;
      reader.error(token, `Unexpected "${text}" after "${line.name.text}": expected ${syntax}`);
      return null;
    }
  }
  if (hasAllTypes) policy.types = [];
  if (isForAll) policy.nets = [];
  return policy;
}

function readType(reader: DirectiveReader, token: Token, policy: Policy): void {
  if (typeCode(token.text) === undefined) {
    reader.error(token, `Cannot read QTYPE: expected a type, such as A, or *, got "${token.text}"`);
  }
  policy.types.push(token.text.toUpperCase());
}

function readNet(reader: DirectiveReader, token: Token, policy: Policy): void {
  const [text = "", length] = token.text.split("/");
  const bytes = parseIpAddress(text);
  const bitsMax = bytes === null ? 0 : 8 * bytes.length;
  const bits = length === undefined ? bitsMax : /^[0-9]{1,3}$/.test(length) ? Number(length) : -1;
  if (bytes === null || bits < 0 || bits > bitsMax) {
    const expected = "expected an address, a prefix such as 192.0.2.0/24, or *";
    reader.error(token, `Cannot read SOURCE: ${expected}, got "${token.text}"`);
    return;
  }
  policy.nets.push({ address: formatIpAddress(bytes), bits });
}
