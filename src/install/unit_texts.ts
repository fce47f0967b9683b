/** The files of deploy/systemd, which are what is meant: written by hack/unit_texts.ts. */

// biome-ignore format: texts as they are
export const UNIT_TEXTS = {
  "nodens-resolver.path": `\
# Notices that a DHCP client, or a person, has written the resolv.conf of this machine.
[Unit]
Description=Changes of the resolv.conf of this machine, for nodens

[Path]
PathChanged=@WATCHED@
Unit=nodens-resolver.service

[Install]
WantedBy=multi-user.target
`,
  "nodens-resolver.service": `\
# Takes the servers of the resolv.conf that somebody has written as upstreams of nodens, and
# names nodens in it again. Started by nodens-resolver.path.
[Unit]
Description=Resolv.conf of this machine, for nodens
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/local/bin/nodens resolver
CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE
NoNewPrivileges=yes
ProtectSystem=yes
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
`,
  "nodens.service": `\
# nodens as a service of a machine without Kubernetes. Written by \`nodens install
# --systemd\`, which brings this text along; change it by drop-ins (README.md beside it),
# which an upgrade leaves alone.
[Unit]
Description=DNS cache of this machine (nodens)
# Upstreams come from DHCP as a rule: before there are any, there is nothing to start with.
Wants=network-online.target nss-lookup.target
After=network-online.target systemd-resolved.service
Before=nss-lookup.target
# However often it fails: a machine without DNS cannot be repaired from afar.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
# iptables of the legacy kind locks this file, and may not make it itself.
ExecStartPre=-+/bin/sh -c 'umask 077 && : >>/run/xtables.lock'
ExecStart=/usr/local/bin/nodens -conf /etc/nodens/Corefile $NODENS_FLAGS
ExecReload=/bin/kill -HUP $MAINPID
# NODENS_FLAGS: which address is taken, and what else you want.
EnvironmentFile=/etc/nodens/nodens.env
Restart=always
RestartSec=100ms
# The time in which workers start and addresses are taken; a second is much.
TimeoutStartSec=30s
TimeoutStopSec=15s
WatchdogSec=30s
# What is left of a process that hangs says nothing that a core of 200 MB would be worth.
WatchdogSignal=SIGKILL

# It needs 50 MB and its cache, 64 MiB unless -memory says otherwise: beyond this it is ill.
MemoryMax=256M
# DNS is what everybody else waits for; and when memory is short, others can be started
# again first.
OOMScoreAdjust=-900
CPUWeight=1000
LimitNOFILE=65536
TasksMax=64

# iptables asks for root, and root of this service may do little: it has these capabilities
# alone, and writes nowhere.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=-/run/xtables.lock
RuntimeDirectory=nodens
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute= stays off: the JavaScript engine compiles to machine code while it
# runs.

[Install]
WantedBy=multi-user.target
`,
  "resolvconf.conf": `\
# Written by \`nodens install --systemd\`: resolvconf(8) names nodens first, from each start
# of nodens on. It stays when nodens stops: names are then asked for at the servers behind
# it.
[Service]
ExecStartPost=-+/bin/sh -c 'echo "nameserver @ADDRESS@" | IF_METRIC=0 resolvconf -a lo.nodens'
`,
  "resolved.conf": `\
# Written by \`nodens install --systemd\`: systemd-resolved asks nodens, which asks the
# servers that the links of this machine have (/run/systemd/resolve/resolv.conf). Names that
# a link claims for its own servers, such as those of a VPN, still go there.
[Resolve]
DNS=@ADDRESS@
Domains=~.
`,
} as const;

export type UnitName = keyof typeof UNIT_TEXTS;
