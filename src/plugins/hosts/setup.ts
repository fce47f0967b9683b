/** `hosts` directives: names and addresses from a file and from the Corefile. See README.md. */

import * as z from "zod/mini";
import type { Directive, OptionLine } from "../../config/parser.ts";
import { canonicalIpAddress } from "../../std/ip_address.ts";
import { DirectiveReader } from "../directive_reader.ts";
import { pluginOrder } from "../plugin_order.ts";
import type { PluginGauge, PluginSetup, SetupContext, ViewDraft } from "../plugin_setup.ts";
import { durationMs, wholeNumber, zone } from "../values.ts";
import { ZoneSet } from "../zone_set.ts";
import { normalizeHosts } from "./hosts_text.ts";
import type { HostsPlan } from "./plan.ts";

const DEFAULT_FILE = "/etc/hosts";

const ttlSec = wholeNumber(1, "a whole number of seconds from 1", 65_535);
const reloadMs = durationMs(0, "a duration from 0, such as 5s");

const hostsSettings = z.object({
  file: z.string(),
  zones: z.array(zone),
  /** Lines of the file and then of the Corefile, see hosts_text.ts. */
  entries: z.string(),
  ttlSec,
  reverse: z.boolean(),
  /** How often CoreDNS looks at the file. Here it is watched; 0: it is not. */
  reloadMs,
  /** Zones in which what is not here is left to others; null: none. */
  fallthrough: z.nullable(z.array(zone)),
  /** There, types that a name does not have here are left to others, too. */
  fallthroughUnsupported: z.boolean(),
});

export type HostsSettings = z.infer<typeof hostsSettings>;

export const hostsSetup: PluginSetup<HostsSettings> = {
  name: "hosts",
  order: pluginOrder("hosts"),
  schema: hostsSettings,
  parse,
  gauges,
  contribute,
  followsFile: ({ reloadMs }) => reloadMs > 0,
};

function parse(directives: readonly Directive[], context: SetupContext): HostsSettings {
  const reader = new DirectiveReader("hosts", context.problems);
  const directive = reader.once(directives);
  const [file, ...zones] = directive.args;
  const settings: HostsSettings = {
    file: file?.text ?? DEFAULT_FILE,
    zones: zones.length === 0 ? [...context.zones] : reader.zones(zones),
    entries: "",
    ttlSec: 3600,
    reverse: true,
    reloadMs: 5000,
    fallthrough: null,
    fallthroughUnsupported: false,
  };
  const isEntry = ({ name }: OptionLine) => isAddress(name.text);
  const inline = directive.options.filter(isEntry);
  const others = directive.options.filter((line) => !isEntry(line));
  for (const { name } of others.filter(isMeantAsEntry)) {
    reader.warning(name, `"${name.text}" is no address: the line is left out, as in CoreDNS`);
  }
  const options = others.filter((line) => !isMeantAsEntry(line));
  reader.options({ ...directive, options }, optionTable(reader, settings));
  const unsupported = options.find(({ name }) => name.text === "fallthrough_unsupported");
  if (unsupported !== undefined && settings.fallthrough === null) {
    reader.error(unsupported.name, "Cannot use fallthrough_unsupported without fallthrough");
  }
  const texts = [readFile(reader, directive, settings.file, context), ...inline.map(textOf)];
  settings.entries = normalizeHosts(texts.join("\n"));
  return settings;
}

function optionTable(reader: DirectiveReader, settings: HostsSettings) {
  return {
    ttl: (line: OptionLine) => {
      if (!reader.count(line, { min: 1, syntax: "ttl SECONDS" })) return;
      settings.ttlSec = reader.integer(line.args[0]!, "SECONDS of ttl", ttlSec) ?? 3600;
    },
    reload: (line: OptionLine) => {
      if (!reader.count(line, { min: 1, syntax: "reload DURATION" })) return;
      settings.reloadMs = reader.durationMs(line.args[0]!, "DURATION of reload", reloadMs) ?? 0;
    },
    no_reverse: (line: OptionLine) => {
      if (reader.count(line, { syntax: "no_reverse alone" })) settings.reverse = false;
    },
    fallthrough: (line: OptionLine) => {
      settings.fallthrough = line.args.length === 0 ? ["."] : reader.zones(line.args);
    },
    fallthrough_unsupported: (line: OptionLine) => {
      if (reader.count(line, { syntax: "fallthrough_unsupported alone" })) {
        settings.fallthroughUnsupported = true;
      }
    },
  };
}

/** A missing file is an empty one until it is there, as in CoreDNS. */
function readFile(
  reader: DirectiveReader,
  directive: Directive,
  path: string,
  { source }: SetupContext,
): string {
  try {
    return source.readFile(path);
  } catch (error) {
    const place = directive.args[0] ?? directive.name;
    reader.warning(place, `Cannot read "${path}": ${(error as Error).message}: it has no entries`);
    return "";
  }
}

/** As CoreDNS counts: an entry is a name with an address, and the same the other way round. */
function gauges({ entries, zones, reverse }: HostsSettings): PluginGauge[] {
  const set = new ZoneSet(zones);
  const names = entries.split("\n").flatMap((line) => line.split(" ").slice(1));
  const own = names.filter((name) => set.find(name) !== null);
  const reversed = reverse ? own.filter((name) => !name.startsWith("*.")) : [];
  return [
    {
      name: "coredns_hosts_entries",
      help: "The combined number of entries in hosts and Corefile.",
      value: own.length + reversed.length,
    },
    {
      name: "coredns_hosts_reload_timestamp_seconds",
      help: "The timestamp of the last reload of hosts file.",
      changeOf: entries,
    },
  ];
}

/** A mistake in an address, not in the name of an option. */
function isMeantAsEntry({ name, args }: OptionLine): boolean {
  return args.length > 0 && /^[0-9a-f]*[.:]/i.test(name.text);
}

function textOf(line: OptionLine): string {
  return [line.name, ...line.args].map(({ text }) => text).join(" ");
}

function isAddress(text: string): boolean {
  return canonicalIpAddress(text.replace(/%.*$/, "")) !== null;
}

function contribute(settings: HostsSettings, view: ViewDraft): void {
  const plan: HostsPlan = {
    zones: settings.zones,
    entries: settings.entries,
    ttlSec: settings.ttlSec,
    reverse: settings.reverse,
    fallthrough: settings.fallthrough ?? [],
    fallthroughUnsupported: settings.fallthroughUnsupported,
  };
  view.plugins.push({ plugin: "hosts", settings: plan });
}
