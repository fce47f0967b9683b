/**
 * The nftables tables of lease kind `nft`, as netlink messages. What they amount to, for IPv4:
 *
 *     table ip nodens-4711 {                                        # flags owner
 *       chain steal {
 *         ip daddr 192.0.2.1 udp dport 53 fib daddr type local notrack
 *         ip daddr 192.0.2.1 tcp dport 53 fib daddr type local notrack
 *       }
 *       chain prerouting { type filter hook prerouting priority raw; jump steal }
 *       chain output     { type filter hook output priority raw; oif "lo" jump steal }
 *     }
 *
 * The first part has no effect without the second, which is the switch. What leaves by another link
 * than lo is not on its way to us, see held_addresses.ts.
 */

import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from "../sys/layout.ts";
import * as nl from "../sys/netlink_layout.ts";
import {
  attribute,
  attributeBe32,
  attributeText,
  joinBytes,
  type NetlinkRequest,
  nested,
} from "../sys/netlink_message.ts";
import { addressBytes } from "./rtnetlink.ts";
import { COMMENT_TAG } from "./rule.ts";
import type { Family } from "./settings.ts";

const STEAL = "steal";
const COMMENT = `${COMMENT_TAG}client to us`;
/** Where the destination stands in the header. */
const DESTINATION_OFFSET: Readonly<Record<Family, number>> = { 4: 16, 6: 24 };
const PORT_OFFSET = 2;
const PORT_BYTES = 2;
const LOOPBACK_INDEX = 1;
/** How nft(8) marks a rule's user data as its comment. */
const USERDATA_COMMENT = 0;

export interface StealTable {
  readonly family: Family;
  readonly name: string;
  /** Of that family. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Whether the rules look if the address is local; kernels without nft_fib cannot. */
  readonly withFib: boolean;
}

/** The table with its rules, to be owned by the socket that sends this. */
export function tableRequests(table: StealTable): NetlinkRequest[] {
  const { family, name } = table;
  const make = (type: number, flags: number, ...parts: Uint8Array[]) =>
    nftRequest(type, { flags, family, parts });
  return [
    make(
      nl.NFT_MSG_NEWTABLE,
      nl.NLM_F_CREATE,
      attributeText(nl.NFTA_TABLE_NAME, name),
      attributeBe32(nl.NFTA_TABLE_FLAGS, nl.NFT_TABLE_F_OWNER),
    ),
    make(
      nl.NFT_MSG_NEWCHAIN,
      nl.NLM_F_CREATE,
      attributeText(nl.NFTA_CHAIN_TABLE, name),
      attributeText(nl.NFTA_CHAIN_NAME, STEAL),
    ),
    ...table.addresses.flatMap((address) =>
      [IPPROTO_UDP, IPPROTO_TCP].map((protocol) =>
        ruleRequest(table, STEAL, stealExpressions(table, address, protocol)),
      ),
    ),
  ];
}

/** The chains that bring packets to the rules. */
export function hookRequests(table: StealTable): NetlinkRequest[] {
  const { family, name } = table;
  const hooks = { prerouting: nl.NF_INET_PRE_ROUTING, output: nl.NF_INET_LOCAL_OUT };
  const chains = Object.entries(hooks).map(([chain, hook]) => {
    const parts = [
      attributeText(nl.NFTA_CHAIN_TABLE, name),
      attributeText(nl.NFTA_CHAIN_NAME, chain),
      attributeText(nl.NFTA_CHAIN_TYPE, "filter"),
      nested(
        nl.NFTA_CHAIN_HOOK,
        attributeBe32(nl.NFTA_HOOK_HOOKNUM, hook),
        attributeBe32(nl.NFTA_HOOK_PRIORITY, nl.NF_IP_PRI_RAW),
      ),
    ];
    return nftRequest(nl.NFT_MSG_NEWCHAIN, { flags: nl.NLM_F_CREATE, family, parts });
  });
  return [
    ...chains,
    ruleRequest(table, "prerouting", [jump(STEAL)]),
    ruleRequest(table, "output", [...towardsLoopback(), jump(STEAL)]),
  ];
}

/** Asks for one table, or with a dump for all (family 0). */
export function getTableRequest(family: Family | 0, name?: string): NetlinkRequest {
  const parts = name === undefined ? [] : [attributeText(nl.NFTA_TABLE_NAME, name)];
  return nftRequest(nl.NFT_MSG_GETTABLE, { flags: 0, family, parts });
}

/** Asks for the number that changes with every change of nftables. */
export function getGenerationRequest(): NetlinkRequest {
  return nftRequest(nl.NFT_MSG_GETGEN, { flags: 0, family: 0, parts: [] });
}

function ruleRequest(
  { family, name }: StealTable,
  chain: string,
  expressions: readonly Uint8Array[],
): NetlinkRequest {
  const text = new TextEncoder().encode(`${COMMENT}\0`);
  const parts = [
    attributeText(nl.NFTA_RULE_TABLE, name),
    attributeText(nl.NFTA_RULE_CHAIN, chain),
    nested(nl.NFTA_RULE_EXPRESSIONS, ...expressions),
    attribute(
      nl.NFTA_RULE_USERDATA,
      joinBytes([Uint8Array.of(USERDATA_COMMENT, text.length), text]),
    ),
  ];
  const flags = nl.NLM_F_CREATE | nl.NLM_F_APPEND;
  return nftRequest(nl.NFT_MSG_NEWRULE, { flags, family, parts });
}

function stealExpressions(table: StealTable, address: string, protocol: number): Uint8Array[] {
  const destination = addressBytes(address);
  const offset = DESTINATION_OFFSET[table.family];
  return [
    meta(nl.NFT_META_L4PROTO),
    equals(Uint8Array.of(protocol)),
    load(nl.NFT_PAYLOAD_NETWORK_HEADER, offset, destination.length),
    equals(destination),
    load(nl.NFT_PAYLOAD_TRANSPORT_HEADER, PORT_OFFSET, PORT_BYTES),
    equals(Uint8Array.of(table.port >> 8, table.port & 0xff)),
    ...(table.withFib ? [addressType(), equals(Uint8Array.of(nl.RTN_LOCAL, 0, 0, 0))] : []),
    expression("notrack"),
  ];
}

function towardsLoopback(): Uint8Array[] {
  // In the machine's byte order; no namespace has another number for it.
  return [meta(nl.NFT_META_OIF), equals(Uint8Array.of(LOOPBACK_INDEX, 0, 0, 0))];
}

/** Puts what is known of the packet into the register. */
function meta(key: number): Uint8Array {
  return expression(
    "meta",
    attributeBe32(nl.NFTA_META_KEY, key),
    attributeBe32(nl.NFTA_META_DREG, nl.NFT_REG_1),
  );
}

/** Puts bytes of a header into the register. */
function load(base: number, offset: number, length: number): Uint8Array {
  return expression(
    "payload",
    attributeBe32(nl.NFTA_PAYLOAD_DREG, nl.NFT_REG_1),
    attributeBe32(nl.NFTA_PAYLOAD_BASE, base),
    attributeBe32(nl.NFTA_PAYLOAD_OFFSET, offset),
    attributeBe32(nl.NFTA_PAYLOAD_LEN, length),
  );
}

/** Ends the rule unless the register has this. */
function equals(value: Uint8Array): Uint8Array {
  return expression(
    "cmp",
    attributeBe32(nl.NFTA_CMP_SREG, nl.NFT_REG_1),
    attributeBe32(nl.NFTA_CMP_OP, nl.NFT_CMP_EQ),
    nested(nl.NFTA_CMP_DATA, attribute(nl.NFTA_DATA_VALUE, value)),
  );
}

/** Puts the kind of route to the destination into the register, in the machine's byte order. */
function addressType(): Uint8Array {
  return expression(
    "fib",
    attributeBe32(nl.NFTA_FIB_DREG, nl.NFT_REG_1),
    attributeBe32(nl.NFTA_FIB_RESULT, nl.NFT_FIB_RESULT_ADDRTYPE),
    attributeBe32(nl.NFTA_FIB_FLAGS, nl.NFTA_FIB_F_DADDR),
  );
}

function jump(chain: string): Uint8Array {
  return expression(
    "immediate",
    attributeBe32(nl.NFTA_IMMEDIATE_DREG, nl.NFT_REG_VERDICT),
    nested(
      nl.NFTA_IMMEDIATE_DATA,
      nested(
        nl.NFTA_DATA_VERDICT,
        attributeBe32(nl.NFTA_VERDICT_CODE, nl.NFT_JUMP),
        attributeText(nl.NFTA_VERDICT_CHAIN, chain),
      ),
    ),
  );
}

function expression(name: string, ...data: readonly Uint8Array[]): Uint8Array {
  return nested(
    nl.NFTA_LIST_ELEM,
    attributeText(nl.NFTA_EXPR_NAME, name),
    ...(data.length === 0 ? [] : [nested(nl.NFTA_EXPR_DATA, ...data)]),
  );
}

function nftRequest(
  type: number,
  { flags, family, parts }: { flags: number; family: Family | 0; parts: readonly Uint8Array[] },
): NetlinkRequest {
  const number = family === 0 ? nl.AF_UNSPEC : family === 4 ? AF_INET : AF_INET6;
  // struct nfgenmsg: family, version 0, resource 0.
  const body = joinBytes([Uint8Array.of(number, 0, 0, 0), ...parts]);
  return { type: (nl.NFNL_SUBSYS_NFTABLES << 8) | type, flags, body };
}
