# shellcheck shell=bash disable=SC2034 # variables are for those who source it
# Shared by install.sh and uninstall.sh: talks to a cluster by kubectl, and says what it does.
# Needs bash 3.2, POSIX tools and kubectl 1.20, nothing else: it runs on operators' machines.

namespace=kube-system
name=nodens
services="nodens-upstream nodens-fallback nodens"
saved=nodens-before
interface=nodelocaldns0
poll_sec=${NODENS_POLL_SEC:-2}

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
warn() { printf 'WARNING: %s\n' "$*" >&2; }

# fail MESSAGE: one line that says what was tried, why it failed and the way out.
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

usage_error() {
  printf '%s: %s; see %s --help\n' "${0##*/}" "$*" "${0##*/}" >&2
  exit 2
}

# The comment at the head of the script that was started.
print_help() {
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
  exit 0
}

# kube WORDS...: kubectl in the namespace of the cluster's DNS. KUBECTL may be several words.
kube() {
  # shellcheck disable=SC2086 # words on purpose
  ${KUBECTL:-kubectl} ${kube_flags[@]+"${kube_flags[@]}"} --namespace "$namespace" "$@"
}

# Whether kubectl is there, the cluster answers, and we may do what we are about to.
check_cluster() {
  local words=${KUBECTL:-kubectl} version
  command -v "${words%% *}" >/dev/null ||
    fail "Cannot find ${words%% *}: install kubectl, or name it in KUBECTL"
  version=$(kube get --raw /version 2>"$work/error") ||
    fail "Cannot reach the cluster: $(tail -n 1 "$work/error"): check \`$words config current-context\`, or give --context"
  # "gitVersion": "v1.31.2"
  version=$(printf '%s' "$version" | tr -d ' \n' | sed 's/.*"gitVersion":"v\([0-9]*\.[0-9]*\)[^"]*".*/\1/')
  case "$version" in
  1.1[4-9] | 1.[2-9][0-9]) kubernetes_minor=${version#1.} ;;
  *) fail "Cannot go on with Kubernetes \"$version\": expected 1.14 or later" ;;
  esac
  local what
  for what in "$@"; do
    # shellcheck disable=SC2086 # a verb and a resource
    [ "$(kube auth can-i $what 2>/dev/null | tail -n 1)" = yes ] ||
      fail "Cannot go on: you may not $what in $namespace: ask for the right, or use another --context"
  done
}

# exists KIND NAME. Ends the script when nobody says: taken for "no", it would be installed over.
exists() {
  local found
  found=$(kube get "$1" "$2" --ignore-not-found -o name 2>"$work/error") ||
    fail "Cannot read the $1 $2: $(tail -n 1 "$work/error"): nothing more is done; run this again"
  [ -n "$found" ]
}

# field KIND NAME JSONPATH: empty where there is no such object or field.
field() {
  kube get "$1" "$2" --ignore-not-found -o "jsonpath=$3"
}

# pods SELECTOR: a line for each, "NAME NODE READY REASON". READY is True, False or empty.
pods() {
  # shellcheck disable=SC2016 # not the shell's variables
  kube get pods -l "$1" -o 'go-template={{range .items}}{{$reason := ""}}{{$ready := ""}}{{if .metadata.deletionTimestamp}}{{$reason = "Terminating"}}{{end}}{{range .status.conditions}}{{if eq .type "Ready"}}{{$ready = .status}}{{end}}{{end}}{{range .status.initContainerStatuses}}{{if .state.waiting}}{{$reason = .state.waiting.reason}}{{end}}{{end}}{{range .status.containerStatuses}}{{if .state.waiting}}{{$reason = .state.waiting.reason}}{{end}}{{end}}{{.metadata.name}} {{or .spec.nodeName "-"}} {{or $ready "-"}} {{or $reason "-"}}{{"\n"}}{{end}}'
}

# wait_until_gone SELECTOR WHAT: until no pod of it is left. Returns 1 when the time is up.
wait_until_gone() {
  local left before='' end=$(($(date +%s) + timeout_sec))
  while :; do
    left=$(pods "$1" | cut -d ' ' -f 2 | tr '\n' ' ')
    [ -n "$left" ] || return 0
    [ "$left" = "$before" ] || say "  waiting for $2 to end on: $left"
    before=$left
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep "$poll_sec"
  done
}

# describe_pod NAME: why it is not ready, for people.
describe_pod() {
  say "    $(field pod "$1" '{range .status.containerStatuses[*]}{.state.waiting.reason}{" "}{.state.waiting.message}{" restarts: "}{.restartCount}{end}')"
  kube logs "$1" --tail 5 2>/dev/null | sed 's/^/    log: /' || true
}

# Reads the options that both scripts have; the rest is in `rest`.
timeout_sec=300
dry_run=''
kube_flags=()
rest=()
read_common_options() {
  while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help) print_help ;;
    --dry-run) dry_run=1 ;;
    --context | --kubeconfig)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      kube_flags+=("$1" "$2")
      shift
      ;;
    --context=* | --kubeconfig=*) kube_flags+=("$1") ;;
    --timeout)
      [ $# -ge 2 ] || usage_error "--timeout needs seconds"
      timeout_sec=$2
      shift
      ;;
    --timeout=*) timeout_sec=${1#*=} ;;
    *) rest+=("$1") ;;
    esac
    shift
  done
  case "$timeout_sec" in
  '' | *[!0-9]*) usage_error "--timeout is \"$timeout_sec\": expected seconds, such as 300" ;;
  esac
}

work=$(mktemp -d "${TMPDIR:-/tmp}/nodens.XXXXXX")
trap 'rm -rf "$work"' EXIT
