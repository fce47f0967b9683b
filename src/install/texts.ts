/** What an installation writes where nothing is yet. */

export const COREFILE_PATH = "/etc/nodens/Corefile";
export const FLAGS_PATH = "/etc/nodens/nodens.env";

const INTERFACE_NAME = "nodens0";

/** What removes, once nodens has stopped, the rules that it leaves. */
export function cleanupWords(executable: string, address: string): string[] {
  return [executable, "cleanup", "-localip", address, "-interfacename", INTERFACE_NAME];
}

/** A configuration for a machine without Kubernetes. */
export function corefileText(address: string, upstreams: string): string {
  return `# The DNS of this machine. Changes take effect by themselves; nodens check finds mistakes.
.:53 {
    bind ${address}
    errors
    # Answers are kept up to an hour. When no upstream answers, old ones are better than none.
    cache 3600 {
        serve_stale 1h verify
    }
    loop
    # Who this machine's DHCP names, or whoever else keeps this file. It is followed.
    forward . ${upstreams}
    prometheus 127.0.0.1:9253
    reload
}
`;
}

/** A link-local address is taken over; one of loopback is there anyway. */
export function flagsText(address: string, memory: string): string {
  // The rules stay when nodens stops, so that its upstreams are asked until it is back.
  const takeOver = ["-localip", address, "-interfacename", INTERFACE_NAME, "-keepfallback"];
  const flags = isLoopback(address) ? [] : takeOver;
  return `# Flags of nodens as a service: nodens -help. Then: systemctl restart nodens
NODENS_FLAGS="${[...flags, "-memory", memory].join(" ")}"
`;
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
