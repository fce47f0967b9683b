#!/usr/bin/env bash
# Shows what nodens is, on this machine alone and offline: sudo ./hack/run.sh [--once] [--cluster]
# Installs and builds what is missing, plays a small cluster in network namespaces, lets nodens take
# over its DNS address, kills it, and shows that DNS goes on. --once: does not wait for Enter.
# --cluster: two nodes and containers of the image; install.sh installs, takes the place of node-cache,
# upgrades, and uninstall.sh removes, while programs ask.
# Exits with 0 only if everything it has shown was checked and true. It leaves nothing behind.
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || {
  echo "Cannot make network namespaces: that needs root: run sudo ./hack/run.sh $*" >&2
  exit 1
}
. hack/lib.sh
setup
need_node_tools
case " $* " in *' --cluster '*)
  need_command runc runc
  need_old_kubectl
  ;;
esac
build_if_changed
exec "$node26" --disable-warning=ExperimentalWarning hack/run.ts "$@"
