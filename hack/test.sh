#!/usr/bin/env bash
# Every test: ./hack/test.sh; some of the steps below: ./hack/test.sh build deploy container
# Lint, types, unit tests and house rules under Node 26, the portable ones under Deno, then the
# built executable, and what it does to a node's network, which needs root. The last line counts both
# runtimes' tests together.
cd "$(dirname "$0")/.."
. hack/lib.sh
setup
# The load generator of tests/bench is C; its smoke test builds it.
need_command gcc gcc
[ -e /usr/include/stdio.h ] || apt_install libc6-dev
# Metrics, alerts and dashboard are read by Prometheus itself and its checker.
need_command promtool prometheus
# Struct layouts are checked for both architectures: the compiler and the C headers of the other one.
case $(uname -m) in
x86_64) other=aarch64-linux-gnu other_headers=libc6-dev-arm64-cross ;;
*) other=x86_64-linux-gnu other_headers=libc6-dev-amd64-cross ;;
esac
need_command $other-gcc gcc-${other/_/-}
[ -e /usr/$other/include/stdio.h ] || apt_install $other_headers
need_node_tools
# Containers are run by runc, as on a node; hack/image.sh brings what builds the image.
need_command runc runc
# The image for arm64 is started once.
[ "$other" != aarch64-linux-gnu ] || need_command qemu-aarch64-static qemu-user-static
# Machines with systemd, and the DHCP and DNS server of their network.
need_machine_tools
# What manifests are rendered with and checked against.
need_old_kubectl
need_kubernetes_apis

need_command shellcheck shellcheck

reports=dist/.tests
rm -rf "$reports"
mkdir -p "$reports"
export NO_COLOR=1 FORCE_COLOR=0

# step NAME COMMAND...: a failing step is counted as one failed test; the others still run.
wanted_steps=" $* "
known_steps=' '
failed_steps=()
step() {
  local name=$1
  shift
  known_steps+="$name "
  [ "$wanted_steps" = '  ' ] || [[ $wanted_steps == *" $name "* ]] || return 0
  printf '\n== %s\n' "$name"
  local begin=$SECONDS
  if "$@"; then
    printf -- '-- %s: %ss\n' "$name" $((SECONDS - begin))
  else
    printf -- '-- %s: FAILED after %ss\n' "$name" $((SECONDS - begin))
    failed_steps+=("$name")
  fi
}

node_tests() {
  local report=$1
  shift
  "$node26" --disable-warning=ExperimentalWarning --test --test-timeout=180000 \
    --test-reporter=dot --test-reporter-destination=stdout \
    --test-reporter=junit --test-reporter-destination="$reports/$report.xml" "$@"
}

# Deno prints a line a test; only a failure is worth reading.
deno_tests() {
  if node_modules/.bin/deno test -A --no-check --quiet --junit-path="$reports/deno.xml" \
    >"$reports/deno.log" 2>&1; then
    tail -n 2 "$reports/deno.log"
  else
    cat "$reports/deno.log"
    return 1
  fi
}

step lint node_modules/.bin/biome check --error-on-warnings .
step types node_modules/.bin/tsc -p .
step shellcheck shellcheck -x hack/*.sh .ci/run
step build "$node26" build/sea.ts
# Folders of tests that are steps of their own, below.
own_steps='e2e|netns|container|deploy|install|systemd'
# Under Node 26: units and house rules; under Deno all that do not need the executable.
step node node_tests node --test-concurrency=2 \
  'src/**/*_test.ts' 'hack/*_test.ts' 'tests/*_test.ts' "tests/!($own_steps)/**/*_test.ts"
step deno deno_tests
# The executable itself, one after the other.
step e2e node_tests e2e --test-concurrency=1 'tests/e2e/**/*_test.ts'
# The same in network namespaces, with real rules. Fails without root: what is skipped is forgotten.
step netns node_tests netns --test-concurrency=1 'tests/netns/**/*_test.ts'
# The image, built if need be, and in containers on a node. Root, too.
step container node_tests container --test-concurrency=1 'tests/container/**/*_test.ts'
# What is deployed: manifests and chart, dashboard, alerts and manual.
step deploy node_tests deploy --test-concurrency=1 'tests/deploy/**/*_test.ts'
# install.sh and uninstall.sh, with the real kubectl on clusters of paper.
step install node_tests install --test-concurrency=2 'tests/install/**/*_test.ts'
# Machines with systemd as their process 1, in namespaces: root again.
step systemd node_tests systemd --test-concurrency=2 'tests/systemd/**/*_test.ts'

for name in "$@"; do
  [[ $known_steps == *" $name "* ]] || {
    echo "Unknown step \"$name\": expected some of$known_steps" >&2
    exit 2
  }
done
printf '\n'
exec "$node26" hack/count_tests.ts "$reports" "${failed_steps[@]}"
