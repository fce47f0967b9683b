#!/usr/bin/env bash
# Removes nodens from a cluster. No node has to be restarted, and DNS goes on by kube-dns.
#
#   ./uninstall.sh
#
# First the pods: each gives the node's addresses back and takes its rules along when it ends. Then it
# is looked at on every node whether anything is left, and only then the rest is deleted, last of all the
# Services that running pods ask.
#
#   --restore            bring back what install.sh has taken the place of, before nodens goes, or after
#   --force-cleanup      remove what is left on nodes where nodens died or does not end, too
#   --force              go on although kubelets hand out an address that only nodens answers at
#   --keep-config        leave the ConfigMap nodens there
#   --dry-run            say what would be done, and change nothing
#   --timeout SECONDS    how long nodes may take (default 300)
#   --context NAME, --kubeconfig FILE   as kubectl has them; KUBECTL is the command, "kubectl" by default
#
# Exit codes: 0 removed, 1 failed or something is left, 2 wrong usage.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=hack/cluster.sh
. "$here/cluster.sh"

cleaner=nodens-cleanup
restore='' force_cleanup='' force='' keep_config=''

read_options() {
  read_common_options "$@"
  local word
  for word in ${rest[@]+"${rest[@]}"}; do
    case "$word" in
    --restore) restore=1 ;;
    --force-cleanup) force_cleanup=1 ;;
    --force) force=1 ;;
    --keep-config) keep_config=1 ;;
    *) usage_error "\"$word\" is not known" ;;
    esac
  done
}

# image, local_ips: of the DaemonSet; after an earlier try that has removed it, of what is said.
read_daemonset() {
  is_there=''
  ! exists daemonset "$name" || is_there=1
  image=$(field daemonset "$name" '{.spec.template.spec.containers[0].image}')
  local_ips=$(field daemonset "$name" '{.spec.template.spec.containers[0].args[1]}')
  [ -n "$image" ] || image=${NODENS_IMAGE:-}
}

# Pods keep the address that the kubelet wrote into their resolv.conf. Nobody answers at one that is no
# Service's when nodens is gone.
check_kubelets() {
  [ -z "$force" ] && [ -z "$restore" ] || return 0
  local node config ip known=''
  for node in $(kube get nodes -o 'jsonpath={.items[*].metadata.name}'); do
    config=$(kube get --raw "/api/v1/nodes/$node/proxy/configz" 2>/dev/null) || continue
    known=1
    for ip in $(printf '%s' "$config" | tr -d ' \n' | sed -n 's/.*"clusterDNS":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' ' '); do
      case ",$local_ips," in *",$ip,"*) ;; *) continue ;; esac
      case "$ip" in
      169.254.* | fd00:169:254:20:*)
        fail "Cannot remove nodens yet: the kubelet of $node tells pods to ask $ip, which nobody answers without nodens: set clusterDNS back, restart the pods that have it in their resolv.conf, and run this again (or --force)"
        ;;
      esac
    done
  done
  case "$known/$local_ips" in /*169.254.*)
    warn "the kubelets' clusterDNS may not be read: if it is one of $local_ips and no Service's, set it back and restart pods first"
    ;;
  esac
}

tell_plan() {
  step 'What will be done'
  if [ -n "$restore" ]; then say "  bring back what is in the ConfigMap $saved, and wait until it is ready"; fi
  if [ -n "$is_there" ]; then say "  delete the DaemonSet $name ($local_ips), and wait until its pods have ended"; fi
  if [ -z "$restore" ]; then
    say "  look on every node whether anything is left${force_cleanup:+, and remove it by force}" | sed 's/1$//'
  fi
  say "  delete ${keep_config:+all but the ConfigMap: }the ServiceAccount, the ConfigMap and the Services $services" |
    sed 's/1all but/all but/'
}

restore_agents() {
  exists configmap "$saved" ||
    fail "Cannot restore: there is no ConfigMap $saved in $namespace: install.sh has taken nobody's place; leave --restore out"
  local key objects=0
  for key in $(saved_keys); do
    kube get configmap "$saved" -o "go-template={{index .data \"$key\"}}" >"$work/object"
    # A ConfigMap that is there may have been changed meanwhile, and stays.
    case "$key" in configmap.*) ! exists configmap "${key#configmap.}" || continue ;; esac
    kube apply -f "$work/object" | sed 's/^/  /'
    objects=$((objects + 1))
  done
  [ "$objects" -gt 0 ] || fail "Cannot restore: the ConfigMap $saved is empty"
  for key in $(saved_keys | sed -n 's/^daemonset\.//p'); do
    wait_daemonset "$key" ||
      fail "Cannot restore: $key is not ready on every node, and nodens goes on: see kubectl -n $namespace logs daemonset/$key. If it wants a port that nodens has: run this without --restore, and then with it; kube-dns answers in between"
  done
}

# In their order: ConfigMaps before the DaemonSets that mount them.
saved_keys() {
  # shellcheck disable=SC2016 # not the shell's variables
  kube get configmap "$saved" -o 'go-template={{range $key, $value := .data}}{{$key}}{{"\n"}}{{end}}' | sort
}

# wait_daemonset NAME: until it has a ready pod wherever it wants one.
wait_daemonset() {
  local line before='' end=$(($(date +%s) + timeout_sec))
  while :; do
    line=$(field daemonset "$1" '{.metadata.generation} {.status.observedGeneration} {.status.desiredNumberScheduled} {.status.numberReady}')
    # shellcheck disable=SC2086 # four numbers
    set -- "$1" $line
    [ "${5:-0} of ${4:-0}" = "$before" ] || say "  $1: ready on ${5:-0} of ${4:-0} nodes"
    before="${5:-0} of ${4:-0}"
    if [ "${2:-1}" = "${3:-0}" ] && [ "${4:-0}" -gt 0 ] && [ "${5:-0}" -ge "${4:-0}" ]; then return 0; fi
    set -- "$1"
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep "$poll_sec"
  done
}

# A pod on every node that runs `nodens cleanup` and is ready when nothing is left there. What waits
# afterwards is `ip monitor`: a DaemonSet restarts whatever ends.
cleaner_manifest() {
  local force_words=''
  [ -z "$force_cleanup" ] || force_words=', -force'
  cat <<END
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: $cleaner
  namespace: $namespace
  labels: { k8s-app: $cleaner }
spec:
  selector: { matchLabels: { k8s-app: $cleaner } }
  template:
    metadata:
      labels: { k8s-app: $cleaner }
    spec:
      automountServiceAccountToken: false
      hostNetwork: true
      dnsPolicy: Default
      priorityClassName: system-node-critical
      nodeSelector: { kubernetes.io/os: linux }
      tolerations: [{ operator: Exists }]
      terminationGracePeriodSeconds: 1
      initContainers:
        - name: cleanup
          image: "$image"
          args: [cleanup, -interfacename, $interface, -localip, "$local_ips"$force_words]
          securityContext: { privileged: true }
          volumeMounts: [{ name: xtables-lock, mountPath: /run/xtables.lock }]
      containers:
        - name: done
          image: "$image"
          command: [/sbin/ip, monitor, link]
      volumes:
        - name: xtables-lock
          hostPath: { path: /run/xtables.lock, type: FileOrCreate }
END
}

# Returns 1 when something is left somewhere.
clean_nodes() {
  local pod node ready reason result=0
  cleaner_manifest >"$work/cleaner.yaml"
  kube apply -f "$work/cleaner.yaml" | sed 's/^/  /'
  wait_daemonset "$cleaner" || result=1
  while read -r pod node ready reason; do
    [ -n "$pod" ] || continue
    kube logs "$pod" -c cleanup 2>/dev/null | sed "s/^/  node $node: /"
    [ "$ready" = True ] || say "  node $node: not clean: $reason"
  done <<<"$(pods "k8s-app=$cleaner")"
  kube delete daemonset "$cleaner" | sed 's/^/  /'
  wait_until_gone "k8s-app=$cleaner" "$cleaner" || true
  return "$result"
}

# Pods that do not end: their kubelet is gone, or they hang.
end_stuck() {
  local pod node ready reason
  while read -r pod node ready reason; do
    [ -n "$pod" ] || continue
    say "  node $node: pod $pod does not end ($ready, $reason)"
    [ -z "$force_cleanup" ] || kube delete pod "$pod" --force --grace-period 0 2>/dev/null | sed 's/^/  /'
  done <<<"$(pods "k8s-app=$name")"
  [ -n "$force_cleanup" ] ||
    fail "Cannot remove nodens: see the nodes above; the Services are left, because pods there may still need them. When the nodes are back, or gone for good, run this again with --force-cleanup"
}

delete_rest() {
  local service
  [ -n "$keep_config" ] || kube delete configmap "$name" --ignore-not-found | sed 's/^/  /'
  kube delete serviceaccount "$name" --ignore-not-found | sed 's/^/  /'
  for service in $services; do kube delete service "$service" --ignore-not-found | sed 's/^/  /'; done
  [ -z "$restore" ] || kube delete configmap "$saved" --ignore-not-found | sed 's/^/  /'
}

main() {
  read_options "$@"
  check_cluster 'delete daemonsets' 'create daemonsets' 'delete services'
  read_daemonset
  if [ -z "$is_there$force_cleanup$restore" ] && ! exists service nodens-upstream; then
    say "nodens is not installed in $namespace: nothing to do (--force-cleanup looks at the nodes all the same)"
    return 0
  fi
  if [ -n "$force_cleanup" ] && [ -z "$image" ]; then
    fail "Cannot clean nodes: the DaemonSet $name is gone, so its image is not known: name it in NODENS_IMAGE"
  fi
  check_kubelets
  tell_plan
  if [ -n "$dry_run" ]; then
    step 'Nothing has been changed (--dry-run)'
    return 0
  fi
  if [ -n "$restore" ]; then
    step 'Bringing back what was there before'
    restore_agents
  fi
  # Pods may be left of an earlier try.
  if [ -n "$is_there$(pods "k8s-app=$name")" ]; then
    step 'Ending nodens on every node'
    kube delete daemonset "$name" --ignore-not-found | sed 's/^/  /'
    wait_until_gone "k8s-app=$name" nodens || end_stuck
  fi
  local is_clean=1
  # What is restored has rules of its own, which `nodens cleanup` would take for leftovers.
  if [ -z "$restore" ] && [ -n "$image" ]; then
    step 'Looking at every node'
    clean_nodes || is_clean=''
  fi
  step 'Deleting the rest'
  delete_rest
  [ -n "$is_clean" ] ||
    fail "nodens is removed, but not every node is clean or has said so: run this again with --force-cleanup and NODENS_IMAGE=$image; what is left does nothing while nobody holds the addresses"
  step 'Done: nodens is removed, and no node has to be restarted'
}

main "$@"
