#!/usr/bin/env bash
# Runs the bench; installs what is missing first (npm packages, Debian packages, the executable).
cd "$(dirname "$0")/../.."
. hack/lib.sh

# Servers must not take port 53 just because they were installed. A policy that is there is kept.
policy=/usr/sbin/policy-rc.d
own_policy=""
remove_own_policy() {
  [ -z "$own_policy" ] || rm -f "$own_policy"
  own_policy=""
}
trap remove_own_policy EXIT

need_server() {
  command -v "$1" >/dev/null && return
  if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
    own_policy=$policy
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  need_command "$1" "$2"
}

PATH=$PATH:/usr/sbin:/sbin
need_server unbound unbound
need_server dnsmasq dnsmasq-base
need_server dnsdist dnsdist
need_server dnsperf dnsperf
need_command gcc gcc
[ -e /usr/include/stdio.h ] || apt_install libc6-dev
remove_own_policy
setup

case " $* " in
  *" --nodens "* | *" --help "*) ;;
  *) [ ! -e src/main.ts ] || build_if_changed ;;
esac

exec "$node26" tests/bench/main.ts "$@"
