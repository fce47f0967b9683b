/** `whoami`: the client's own address, port and transport, in the additional section. */

import { FLAG_AA, TYPE_A, TYPE_AAAA, TYPE_SRV } from "../../wire/constants.ts";
import { type DnsMessage, messageFor, recordOf } from "../../wire/message.ts";
import { joinBytes, words16 } from "../../wire/rdata_parts.ts";
import type { BackPlugin } from "../back_plugin.ts";
import type { Request } from "../front_plugin.ts";

const IPV4_BYTES = 4;
/** The root, as the target of the SRV record: there is no service. */
const ROOT = Uint8Array.of(0);

export class WhoamiPlugin implements BackPlugin {
  answer(request: Request): DnsMessage {
    const { name, client } = request;
    const { addressBytes } = client;
    const type = addressBytes.length === IPV4_BYTES ? TYPE_A : TYPE_AAAA;
    const service = `${client.isTcp ? "_tcp" : "_udp"}.${name === "." ? "" : name}`;
    const target = joinBytes(words16(0, 0, client.port), ROOT);
    return messageFor(request, {
      flags: FLAG_AA,
      additionals: [recordOf(name, type, 0, addressBytes), recordOf(service, TYPE_SRV, 0, target)],
    });
  }
}
