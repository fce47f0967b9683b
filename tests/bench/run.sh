#!/bin/sh
# Runs the bench; installs what is missing first (npm packages, Debian packages, the executable).
set -eu
cd "$(dirname "$0")/../.."

missing=""
for pair in unbound:unbound dnsmasq:dnsmasq-base dnsdist:dnsdist dnsperf:dnsperf gcc:gcc taskset:util-linux; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
if [ -n "$missing" ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing:$missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  # Servers must not start on port 53 just because they were installed.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq >&2
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >&2
  if [ -n "$(trap)" ]; then
    rm -f "$policy"
    trap - EXIT
  fi
fi

[ -x node_modules/.bin/node ] || npm ci --no-audit --no-fund >&2
case " $* " in
  *" --nodens "* | *" --help "*) ;;
  *) [ -x dist/nodens ] || [ ! -x hack/build.sh ] || ./hack/build.sh >&2 ;;
esac

exec node_modules/.bin/node tests/bench/main.ts "$@"
