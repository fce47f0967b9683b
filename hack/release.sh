#!/usr/bin/env bash
# Makes all files of a release: ./hack/release.sh [--dry-run]
# dist/release/VERSION: executables, images and bills of materials for both architectures, the image
# of both, the chart, what installs without it, and SHA256SUMS. VERSION is that of package.json;
# the commit must have the tag vVERSION and a heading in CHANGELOG.md. With --dry-run they may be
# missing: for a look before the tag is set. Nothing is pushed; build/README.md says how.
cd "$(dirname "$0")/.."
. hack/lib.sh

dry_run=''
case "${1:-}" in
'') ;;
--dry-run) dry_run=1 ;;
*)
  echo "Cannot release: \"$1\" is not known; usage: ./hack/release.sh [--dry-run]" >&2
  exit 2
  ;;
esac

refuse() {
  echo "Cannot release $version: $*" >&2
  exit 1
}
# What a dry run only mentions.
complain() {
  [ -n "$dry_run" ] || refuse "$@"
  echo "would be refused: $*" >&2
}

need_command git git
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
[ -n "$version" ] || refuse 'package.json names no version'
changed=$(git status --porcelain)
[ -z "$changed" ] || refuse "files are not as in the commit: commit or stash them first:
$changed"
tags=$(git tag --points-at HEAD | tr '\n' ' ')
case " $tags" in
*" v$version "*) ;;
*) complain "the commit has the tags \"${tags% }\", expected v$version: set it with git tag v$version" ;;
esac
grep -Eq "^## \[?v?${version//./\\.}\]?( |\$)" CHANGELOG.md ||
  complain "CHANGELOG.md has no heading \"## $version\""
chart=deploy/helm/nodens
for field in version appVersion; do
  [ ! -e "$chart" ] || grep -Eq "^$field: [\"']?${version//./\\.}[\"']?\$" "$chart/Chart.yaml" ||
    refuse "$field in $chart/Chart.yaml is not $version: they are released together"
done

setup
epoch=$(git log -1 --format=%ct)
target=dist/release/$version
rm -rf "$target"
mkdir -p "$target"

# pack FILE FOLDER PATH...: a .tgz that is the same whenever it is made.
pack() {
  local file=$1 folder=$2
  shift 2
  tar --create --directory "$folder" --sort=name --mtime="@$epoch" --owner=0 --group=0 \
    --numeric-owner --mode=u=rwX,go=rX --format=ustar "$@" | gzip -9n >"$file"
}

archives=()
for arch in amd64 arm64; do
  ./hack/image.sh --arch "$arch" >/dev/null
  name=nodens-$version-linux-$arch
  cp "dist/image/$arch/context/rootfs/nodens" "$target/$name"
  cp "dist/image/$name.oci.tar" "dist/image/$name.spdx.json" "$target"
  archives+=("$target/$name.oci.tar")
done

layout=$target/layout
digest=$("$node26" build/image_index.ts --folder "$layout" --name "nodens:$version" "${archives[@]}")
tar --create --file "$target/nodens-$version.oci.tar" --directory "$layout" --sort=name \
  --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar \
  blobs index.json oci-layout
rm -r "$layout"

if [ -e "$chart" ]; then
  # The name that helm package gives it.
  pack "$target/nodens-$version.tgz" deploy/helm nodens
else
  complain "$chart is missing"
fi

# For those who install with kubectl: as in the repository, so that what documents say holds.
bundle=()
for path in LICENSE hack/install.sh hack/uninstall.sh hack/cluster.sh hack/configmap.yaml.sample \
  deploy/kubernetes deploy/systemd deploy/alerts deploy/grafana deploy/*.md; do
  if [ -e "$path" ]; then bundle+=("$path"); else complain "$path is missing"; fi
done
pack "$target/nodens-$version-install.tgz" . --transform "s,^,nodens-$version/,S" "${bundle[@]}"

(cd "$target" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
(cd "$target" && du --apparent-size -h -- *)
echo "image of both architectures: $digest"
