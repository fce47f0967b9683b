#!/usr/bin/env bash
# Installs nodens in a cluster, or brings it up to date, or takes the place of node-cache.
#
#   cp configmap.yaml.sample configmap.yaml && ./install.sh
#
# Finds out what the cluster is like, says what it is going to do, does it, and asks the DNS of every
# node. If a node fails, all is put back as it was. To run it again changes nothing.
#
#   --dry-run            say and show everything, and change nothing
#   --image IMAGE        the image of nodens, as your registry has it (or NODENS_IMAGE)
#   --local-ip IPS       addresses to take over, in place of those that are found
#   --mode MODE          intercept: the cluster's DNS address and 169.254.20.10
#                        link-local: 169.254.20.10 only, to which the kubelets' clusterDNS must be set
#   --timeout SECONDS    how long nodes may take to become ready (default 300)
#   --context NAME, --kubeconfig FILE   as kubectl has them; KUBECTL is the command, "kubectl" by default
#
# The configuration is, whichever is there first: configmap.yaml beside this script; the ConfigMap nodens
# of the cluster; that of node-cache or k8s-local-dns, copied; a new one that fits the cluster.
#
# node-cache and k8s-local-dns go on until nodens answers on every node. Then they are removed, and what
# they were is kept in the ConfigMap nodens-before, for ./uninstall.sh --restore.
#
# Exit codes: 0 done, 1 failed (all is as before, or it says what is not), 2 wrong usage.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=hack/cluster.sh
. "$here/cluster.sh"

link_local=169.254.20.10
link_local_v6=fd00:169:254:20::10
image=${NODENS_IMAGE:-}
local_ips=''
mode=''

read_options() {
  read_common_options "$@"
  set -- ${rest[@]+"${rest[@]}"}
  while [ $# -gt 0 ]; do
    case "$1" in
    --image | --local-ip | --mode)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      set_option "$1" "$2"
      shift
      ;;
    --image=* | --local-ip=* | --mode=*) set_option "${1%%=*}" "${1#*=}" ;;
    *) usage_error "\"$1\" is not known" ;;
    esac
    shift
  done
  case "$mode" in '' | intercept | link-local) ;; *)
    usage_error "--mode is \"$mode\": expected intercept or link-local"
    ;;
  esac
  case "$local_ips" in *[!0-9a-fA-F.:,]*)
    usage_error "--local-ip is \"$local_ips\": expected addresses with commas between, such as 169.254.20.10,10.96.0.10"
    ;;
  esac
}

set_option() {
  case "$1" in
  --image) image=$2 ;;
  --local-ip) local_ips=$2 ;;
  --mode) mode=$2 ;;
  esac
}

# ---- What the cluster is like ----

# The Service that pods ask: dns_service, dns_ips (with blanks), dns_selector (lines "KEY: VALUE").
find_dns_service() {
  dns_service=''
  local candidate all
  all=$(kube get services -o name)
  for candidate in kube-dns coredns rke2-coredns-rke2-coredns $(kube get services -l k8s-app=kube-dns -o name); do
    candidate=${candidate#service/}
    case "$candidate" in *-upstream | *-uncached | "$name"*) continue ;; esac
    printf '%s\n' "$all" | grep -qx "service/$candidate" || continue
    dns_service=$candidate
    break
  done
  [ -n "$dns_service" ] ||
    fail "Cannot find the cluster's DNS: there is no Service kube-dns or coredns in $namespace: is this the right cluster (--context)?"
  dns_ips=$(field service "$dns_service" '{.spec.clusterIPs[*]}')
  [ -n "$dns_ips" ] || dns_ips=$(field service "$dns_service" '{.spec.clusterIP}')
  case "$dns_ips" in '' | None)
    fail "Cannot take over the Service $dns_service: it has no address of its own (clusterIP: None)"
    ;;
  esac
  # shellcheck disable=SC2016 # not the shell's variables
  dns_selector=$(kube get service "$dns_service" -o 'go-template={{range $key, $value := .spec.selector}}{{$key}}: {{printf "%q" $value}}{{"\n"}}{{end}}')
  [ -n "$dns_selector" ] ||
    fail "Cannot use the Service $dns_service: it has no selector, so nobody tells which pods are behind it"
}

# domain: of CoreDNS' Corefile, or kube-dns' arguments.
find_domain() {
  local found
  # RKE2 has named ConfigMap and Service alike.
  found=$({
    field configmap coredns '{.data.Corefile}'
    printf '\n'
    field configmap "$dns_service" '{.data.Corefile}'
  } | sed -n 's/^[[:space:]]*kubernetes[[:space:]]\{1,\}\([a-zA-Z0-9.-]*\).*/\1/p' | head -n 1)
  [ -n "$found" ] || found=$(field deployment kube-dns '{.spec.template.spec.containers[*].args}' |
    sed -n 's/.*--domain=\([a-zA-Z0-9.-]*\).*/\1/p')
  domain=${found:-cluster.local}
  domain=${domain%.}
  domain_note=''
  [ -n "$found" ] || domain_note=' (taken for granted: neither CoreDNS nor kube-dns says)'
}

# has_v6: empty unless Services, pods or nodes have IPv6.
find_families() {
  local addresses
  addresses="$dns_ips $(kube get nodes -o 'jsonpath={.items[*].spec.podCIDRs[*]} {.items[*].spec.podCIDR} {.items[*].status.addresses[?(@.type=="InternalIP")].address}')"
  case "$addresses" in *:*) has_v6=1 ;; *) has_v6='' ;; esac
}

# proxy: iptables, ipvs, nftables, cilium, or unknown.
find_proxy() {
  proxy=unknown
  local found
  # EKS calls it kube-proxy-config.
  found=$({
    field configmap kube-proxy '{.data.config\.conf}'
    printf '\n'
    field configmap kube-proxy-config '{.data.config}'
  } | sed -n 's/^[[:space:]]*mode:[[:space:]]*"\{0,1\}\([a-z]*\).*/\1/p' | head -n 1)
  [ -n "$found" ] || found=$(field daemonset kube-proxy '{.spec.template.spec.containers[*].command} {.spec.template.spec.containers[*].args}' |
    sed -n 's/.*--proxy-mode=\([a-z]*\).*/\1/p')
  if [ -n "$found" ]; then
    proxy=$found
  elif exists daemonset kube-proxy || exists configmap kube-proxy; then
    # What kube-proxy does if nothing is said.
    proxy=iptables
  fi
  case "$(field configmap cilium-config '{.data.kube-proxy-replacement}')" in
  true | strict) proxy=cilium ;;
  esac
}

# Agents that hold addresses by now: agents, lines "NAME IPS".
find_agents() {
  # shellcheck disable=SC2016 # not the shell's variables
  agents=$(kube get daemonsets -o 'go-template={{range .items}}{{$name := .metadata.name}}{{range .spec.template.spec.containers}}{{$name}}{{range .command}} {{.}}{{end}}{{range .args}} {{.}}{{end}}{{"\n"}}{{end}}{{end}}' |
    sed -n 's/^\([^ ]*\) .*--\{0,1\}localip[ =]\([^ ]*\).*/\1 \2/p')
  own_ips=$(printf '%s\n' "$agents" | sed -n "s/^$name //p")
  agents=$(printf '%s\n' "$agents" | grep -v "^$name " || true)
  local agent _ips
  while read -r agent _ips; do
    [ -n "$agent" ] || continue
    case "$(field daemonset "$agent" '{.metadata.labels.addonmanager\.kubernetes\.io/mode}')" in
    Reconcile)
      fail "Cannot take the place of $agent: the add-on manager would bring it back: switch the add-on off where the cluster is managed (on GKE: gcloud container clusters update --update-addons=NodeLocalDNS=DISABLED), and run this again"
      ;;
    esac
  done <<<"$agents"
}

# ---- What follows from that ----

# local_ips, overlay, extra_args
choose_addresses() {
  is_upgrade=''
  ! exists daemonset "$name" || is_upgrade=1
  if [ "$proxy" = cilium ] && [ "$mode" != link-local ] && [ -z "$local_ips$own_ips" ]; then
    fail "Cannot intercept $dns_ips: Cilium stands in for kube-proxy and rewrites queries inside the pods: use --mode link-local and set the kubelets' clusterDNS, or Cilium's Local Redirect Policy (deploy/interception.md)"
  fi
  [ -n "$mode" ] || case "$proxy" in
  ipvs) mode=link-local ;;
  *) mode=intercept ;;
  esac
  if [ -z "$local_ips" ]; then
    if [ -n "$own_ips" ]; then
      local_ips=$own_ips
    elif [ -n "$agents" ]; then
      local_ips=$(printf '%s\n' "$agents" | cut -d ' ' -f 2 | tr ',' '\n' | sort -u | paste -s -d , -)
    else
      local_ips=$link_local
      case "$has_v6/$mode/$dns_ips" in 1/link-local/* | 1/*:*) local_ips=$local_ips,$link_local_v6 ;; esac
      [ "$mode" = link-local ] || local_ips="$local_ips,$(printf '%s' "$dns_ips" | tr ' ' ,)"
    fi
  fi
  if [ "$proxy" = ipvs ]; then
    local ip
    for ip in $dns_ips; do
      case ",$local_ips," in *",$ip,"*)
        fail "Cannot intercept $ip: kube-proxy holds it in IPVS mode: leave --local-ip out, or give $link_local, and set the kubelets' clusterDNS to that"
        ;;
      esac
    done
  fi
  overlay=base
  if [ "$kubernetes_minor" -lt 22 ]; then
    overlay=overlays/old-kubernetes
  else
    case "$dns_ips" in *' '*) overlay=overlays/dual-stack ;; esac
  fi
}

# Whether one of local_ips is no Service's.
has_link_local() {
  local ip
  for ip in $(printf '%s' "$local_ips" | tr ',' ' '); do
    case "$ip" in *KUBE_DNS_SERVICE_HOST*) continue ;; esac
    case " $dns_ips " in *" $ip "*) ;; *) return 0 ;; esac
  done
  return 1
}

# config: where it comes from; $work/configmap.yaml: the object, or no file if it stays as it is.
choose_config() {
  if [ -e "$here/configmap.yaml" ]; then
    config=configmap.yaml
    check_own_config
    cp "$here/configmap.yaml" "$work/configmap.yaml"
  elif exists configmap "$name"; then
    config="the ConfigMap $name, as it is"
  elif [ -n "$agents" ] && copy_config; then
    :
  elif [ -z "$has_v6" ]; then
    config='configmap.yaml.sample (for clusters without IPv6: AAAA records are filtered)'
    cp "$here/configmap.yaml.sample" "$work/configmap.yaml"
  else
    config='deploy/kubernetes/base/configmap.yaml'
    cp "$here/../deploy/kubernetes/base/configmap.yaml" "$work/configmap.yaml"
  fi
  [ -n "$has_v6" ] || return 0
  local text
  text=$(cat "$work/configmap.yaml" 2>/dev/null || field configmap "$name" '{.data.Corefile}')
  printf '%s\n' "$text" | grep -q '^[[:space:]]*filter_aaaa' || return 0
  warn "$config has filter_aaaa, and this cluster has IPv6: nobody gets AAAA records. Take these lines out, unless you mean it"
}

check_own_config() {
  local found file=$here/configmap.yaml
  found=$(kube create --dry-run=client -f "$file" -o 'jsonpath={.kind}/{.metadata.namespace}/{.metadata.name}' 2>"$work/error") ||
    fail "Cannot read $file: $(tail -n 1 "$work/error")"
  [ "$found" = "ConfigMap/$namespace/$name" ] ||
    fail "Cannot use $file: it is $found, expected ConfigMap/$namespace/$name"
  [ -n "$(kube create --dry-run=client -f "$file" -o 'jsonpath={.data.Corefile}')" ] ||
    fail "Cannot use $file: it has no key Corefile: see configmap.yaml.sample"
}

# The Corefile of the agent whose place is taken.
copy_config() {
  local agent map
  agent=$(printf '%s\n' "$agents" | head -n 1 | cut -d ' ' -f 1)
  for map in $(field daemonset "$agent" '{.spec.template.spec.volumes[*].configMap.name}'); do
    [ "$map" != kube-dns ] || continue
    field configmap "$map" '{.data.Corefile}' >"$work/Corefile"
    [ -s "$work/Corefile" ] || continue
    kube create configmap "$name" "--from-file=Corefile=$work/Corefile" --dry-run=client -o yaml >"$work/configmap.yaml"
    config="the Corefile of $agent (ConfigMap $map), copied"
    return 0
  done
  return 1
}

# $work/KIND.yaml for all objects but the ConfigMap, by kustomize.
render() {
  local site=$work/kubernetes/site
  cp -R "$here/../deploy/kubernetes" "$work/kubernetes"
  mkdir "$site"
  {
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n'
    printf 'bases:\n  - ../%s\npatchesStrategicMerge:\n  - daemonset.yaml\n  - services.yaml\n' "$overlay"
  } >"$site/kustomization.yaml"
  daemonset_patch >"$site/daemonset.yaml"
  services_patch >"$site/services.yaml"
  kube kustomize "$site" >"$work/all.yaml" 2>"$work/error" ||
    fail "Cannot render the manifests: $(tail -n 1 "$work/error")"
  awk -v folder="$work" '
    function put() {
      if (kind != "") printf "%s%s", (count[kind]++ ? "---\n" : ""), text > (folder "/" kind ".yaml")
      kind = text = ""
    }
    /^---$/ { put(); next }
    /^kind: / { kind = $2 }
    { text = text $0 "\n" }
    END { put() }' "$work/all.yaml"
}

daemonset_patch() {
  cat <<END
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: $name
  namespace: $namespace
spec:
  template:
    spec:
      containers:
        - name: nodens
END
  [ -z "$image" ] || printf '          image: "%s"\n' "$image"
  printf '          args:\n'
  printf '            - "%s"\n' -localip "$local_ips" -conf /etc/nodens/Corefile \
    -upstreamsvc nodens-upstream
  if has_link_local; then
    printf '            - "%s"\n' -fallbacksvc "nodens-fallback.$namespace.svc.$domain."
    [ "$mode$overlay" = interceptbase ] || [ "$mode$overlay" = interceptoverlays/dual-stack ] ||
      printf '            - "%s"\n' -keepfallback
  fi
  printf '            - "%s"\n' -interfacename "$interface" -readyfile /run/nodens/ready -memory 64MiB
}

# The pods behind the cluster's DNS, whatever their labels are.
services_patch() {
  local service separator=''
  for service in nodens-upstream nodens-fallback; do
    printf '%sapiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  namespace: %s\nspec:\n  selector:\n' \
      "$separator" "$service" "$namespace"
    separator=$'---\n'
    printf '%s\n' "$dns_selector" | grep -q '^k8s-app:' || printf '    k8s-app: null\n'
    printf '%s\n' "$dns_selector" | sed 's/^/    /'
  done
}

tell_plan() {
  step 'What the cluster is like'
  say "  Kubernetes 1.$kubernetes_minor, kube-proxy: $proxy, IPv6: ${has_v6:+yes}${has_v6:-no}" | sed 's/yes1$/yes/'
  say "  DNS: Service $dns_service, $dns_ips, domain $domain$domain_note"
  if [ -n "$agents" ]; then say "  now there: $(printf '%s' "$agents" | tr '\n' ';')"; fi
  [ -z "$is_upgrade" ] || say "  now there: $name, $own_ips"
  step 'What will be done'
  say "  addresses that nodens takes over on every node: $local_ips"
  say "  image: ${image:-$(sed -n 's/^ *image: *//p' "$work/DaemonSet.yaml" | head -n 1)}"
  say "  configuration: $config"
  say "  manifests: deploy/kubernetes/$overlay"
  if [ -n "$agents" ]; then
    say "  then $(printf '%s\n' "$agents" | cut -d ' ' -f 1 | paste -s -d ' ' -) is removed, and kept in the ConfigMap $saved"
  fi
  [ "$mode" != link-local ] || [ -n "$is_upgrade" ] ||
    say "  By you: set the kubelets' clusterDNS (--cluster-dns) to $link_local; only pods that start after that ask it"
}

show_objects() {
  step 'Objects, in the order in which they are applied'
  local kind
  for kind in Service ServiceAccount configmap DaemonSet; do
    [ -e "$work/$kind.yaml" ] || continue
    printf -- '---\n'
    cat "$work/$kind.yaml"
  done
}

# ---- Doing it ----

# snapshot KIND NAME FILE: as it could be applied again; no file if there is none.
snapshot() {
  exists "$1" "$2" || return 0
  # shellcheck disable=SC2016 # not the shell's variables
  kube get "$1" "$2" -o 'go-template={{with .metadata.annotations}}{{with index . "kubectl.kubernetes.io/last-applied-configuration"}}{{.}}{{end}}{{end}}' >"$3"
  [ -s "$3" ] || kube get "$1" "$2" -o yaml | without_what_the_server_adds >"$3"
}

without_what_the_server_adds() {
  awk '
    /^status:/ { skip = 1; next }
    /^[^ ]/ { skip = 0 }
    /^  managedFields:/ { inner = 1; next }
    /^  [^ -]/ { inner = 0 }
    skip || inner { next }
    /^  (uid|resourceVersion|generation|creationTimestamp|selfLink):/ { next }
    { print }'
}

apply_all() {
  local kind
  : >"$work/applied"
  for kind in Service ServiceAccount configmap DaemonSet; do
    [ -e "$work/$kind.yaml" ] || continue
    kube apply -f "$work/$kind.yaml" >"$work/out" 2>"$work/error" || {
      sed 's/^/  /' "$work/error" >&2
      return 1
    }
    sed 's/^/  /' "$work/out"
    cat "$work/out" >>"$work/applied"
  done
}

# Until all nodes that are ready have the newest pod, it is ready, and the one before is about to end.
wait_ready() {
  local line before='' end=$(($(date +%s) + timeout_sec)) bad=0
  while :; do
    line=$(field daemonset "$name" '{.metadata.generation} {.status.observedGeneration} {.status.desiredNumberScheduled} {.status.updatedNumberScheduled} {.status.numberAvailable}')
    # shellcheck disable=SC2086 # five numbers; what is missing is 0, and stands last
    set -- $line
    local asleep desired=${3:-0} updated=${4:-0} available=${5:-0}
    asleep=$(sleeping_nodes | grep -c . || true)
    [ "$available $updated" = "$before" ] || say "  $available of $desired nodes ready, $updated with the new version"
    before="$available $updated"
    if [ "${2:-0}" = "${1:-1}" ] && [ "$desired" -gt 0 ] &&
      [ $((updated + asleep)) -ge "$desired" ] && [ $((available + asleep)) -ge "$desired" ] &&
      [ "$(pods "k8s-app=$name" | grep -vc ' Terminating$')" -le "$desired" ]; then
      sleeping_nodes | sed 's/^/  left out, because the node is not ready: /'
      return 0
    fi
    # Not at the first sight of it: a registry may be slow, a start may fail once.
    if pods "k8s-app=$name" | grep -qE ' (CrashLoopBackOff|ErrImagePull|ImagePullBackOff|InvalidImageName|Create.*Error|RunContainerError)$'; then
      bad=$((bad + 1))
    else
      bad=0
    fi
    [ "$bad" -lt 8 ] || break
    [ "$(date +%s)" -lt "$end" ] || break
    sleep "$poll_sec"
  done
  pods "k8s-app=$name" | while read -r pod node ready reason; do
    [ "$ready" != True ] || continue
    say "  node $node: pod $pod is not ready: $reason"
    describe_pod "$pod"
  done
  return 1
}

sleeping_nodes() {
  # shellcheck disable=SC2016 # not the shell's variables
  kube get nodes -o 'go-template={{range .items}}{{$name := .metadata.name}}{{range .status.conditions}}{{if and (eq .type "Ready") (ne .status "True")}}{{$name}}{{"\n"}}{{end}}{{end}}{{end}}'
}

# Asks the DNS of every node, at every address, from the node itself.
prove_nodes() {
  local ips type=A failed=0
  case "$dns_ips" in *.*) ;; *) type=AAAA ;; esac
  ips=$(field daemonset "$name" '{.spec.template.spec.containers[0].args[1]}' | tr ',' ' ')
  while read -r pod node ready reason; do
    [ "$ready/$reason" = True/- ] || continue
    local ip
    for ip in $ips; do
      case "$ip" in *KUBE_DNS_SERVICE_HOST*) ip=${dns_ips%% *} ;; esac
      if kube exec "$pod" -- /nodens query "kubernetes.default.svc.$domain" "$type" "@$ip" -short >"$work/out" 2>&1 </dev/null; then
        continue
      fi
      say "  node $node: $ip does not answer: $(tail -n 1 "$work/out")"
      kube exec "$pod" -- /nodens status -interfacename "$interface" 2>&1 </dev/null | sed 's/^/    /'
      failed=1
    done
    [ "$failed" = 1 ] || say "  node $node answers at $ips"
  done <<<"$(pods "k8s-app=$name")"
  return "$failed"
}

roll_back() {
  step 'Putting everything back'
  local left=''
  if [ -n "$is_upgrade" ]; then
    [ ! -s "$work/configmap-before" ] || put_back apply -f "$work/configmap-before"
    put_back rollout undo "daemonset/$name"
    wait_ready || warn "the version before is not ready everywhere either: kubectl -n $namespace get pods -l k8s-app=$name"
  else
    put_back delete daemonset "$name" --ignore-not-found
    wait_until_gone "k8s-app=$name" nodens ||
      warn "nodens does not end on some nodes: ./uninstall.sh --force-cleanup"
    local service
    [ -s "$work/configmap-before" ] || put_back delete configmap "$name" --ignore-not-found
    for service in $services; do put_back delete service "$service" --ignore-not-found; done
    put_back delete serviceaccount "$name" --ignore-not-found
  fi
  [ -z "$left" ] ||
    fail "nodens is not installed, and not everything could be put back: see above; run ./uninstall.sh when the cluster answers again"
  fail "nodens is not installed: what is said above keeps it from that; everything is as before"
}

# put_back WORDS...: kubectl; what fails is noted in `left`, and no reason to leave the rest.
put_back() {
  kube "$@" >"$work/out" 2>&1 || left=1
  sed 's/^/  /' "$work/out"
}

# Keeps what they were, then removes them one after the other.
remove_agents() {
  local agent _ips map files=()
  while read -r agent _ips; do
    [ -n "$agent" ] || continue
    snapshot daemonset "$agent" "$work/daemonset.$agent"
    files+=("--from-file=daemonset.$agent=$work/daemonset.$agent")
    for map in $(field daemonset "$agent" '{.spec.template.spec.volumes[*].configMap.name}'); do
      snapshot configmap "$map" "$work/configmap.$map"
      [ ! -s "$work/configmap.$map" ] || files+=("--from-file=configmap.$map=$work/configmap.$map")
    done
  done <<<"$agents"
  kube create configmap "$saved" "${files[@]}" --dry-run=client -o yaml >"$work/saved.yaml"
  kube apply -f "$work/saved.yaml" | sed 's/^/  /'
  while read -r agent _ips; do
    [ -n "$agent" ] || continue
    local selector
    # shellcheck disable=SC2016 # not the shell's variables
    selector=$(kube get daemonset "$agent" -o 'go-template={{range $key, $value := .spec.selector.matchLabels}}{{$key}}={{$value}},{{end}}')
    kube delete daemonset "$agent" | sed 's/^/  /'
    wait_until_gone "${selector%,}" "$agent" ||
      warn "$agent does not end on some nodes; nodens answers there all the same"
  done <<<"$agents"
}

main() {
  read_options "$@"
  check_cluster 'create daemonsets' 'create services' 'delete daemonsets'
  find_dns_service
  find_domain
  find_families
  find_proxy
  find_agents
  choose_addresses
  choose_config
  render
  tell_plan
  if [ -n "$dry_run" ]; then
    show_objects
    step 'Nothing has been changed (--dry-run)'
    return 0
  fi
  step 'Applying'
  snapshot configmap "$name" "$work/configmap-before"
  apply_all || roll_back
  step 'Waiting until nodens answers on every node'
  wait_ready || roll_back
  step 'Asking the DNS of every node'
  prove_nodes || roll_back
  if [ -n "$agents" ]; then
    step 'Removing what nodens takes the place of'
    remove_agents
    prove_nodes || fail "DNS fails on a node now that the agent before is gone: ./uninstall.sh --restore brings it back"
  fi
  if grep -qv ' unchanged$' "$work/applied"; then
    step "Done: nodens answers on every node"
  else
    step 'Done: nothing was to be changed'
  fi
}

main "$@"
