#!/usr/bin/env bash
# Builds the container image: ./hack/image.sh [--arch amd64|arm64] [--tag NAME] [--debs FOLDER]
#   [--if-changed]
# dist/image/nodens-VERSION-linux-ARCH.oci.tar (an OCI archive) and the same name with .spdx.json
# (what is in it). Needs npm's and Debian's packages, nothing else from the network; with --debs not
# even Debian's. --if-changed does nothing when the archive is newer than all that it is made of.
cd "$(dirname "$0")/.."
. hack/lib.sh

usage='usage: ./hack/image.sh [--arch amd64|arm64] [--tag NAME] [--debs FOLDER] [--if-changed]'
arch=$(uname -m | sed 's/^x86_64$/amd64/; s/^aarch64$/arm64/')
tag='' debs=() if_changed=''
while [ $# -gt 0 ]; do
  case "$1" in
  --arch) arch=${2:-} && shift ;;
  --tag) tag=${2:-} && shift ;;
  --debs) debs=(--debs "${2:-}") && shift ;;
  --if-changed) if_changed=1 ;;
  *)
    echo "Cannot build the image: \"$1\" is not known; $usage" >&2
    exit 2
    ;;
  esac
  shift || { echo "Cannot build the image: the last word needs a value; $usage" >&2 && exit 2; }
done
case "$arch" in
amd64) node_arch=x64 ;;
arm64) node_arch=arm64 ;;
*)
  echo "Cannot build for \"$arch\": expected --arch amd64 or --arch arm64" >&2
  exit 2
  ;;
esac

setup
need_command buildah buildah
need_command dpkg-deb dpkg
need_command readelf binutils
need_command git git
version=$("$node26" -p "require('./package.json').version")
[ -n "$tag" ] || tag=nodens:$version
name=nodens-$version-linux-$arch
target=dist/image/$name
folder=dist/image/$arch
mkdir -p "$folder"

# One at a time: tests that run side by side want the same image.
exec 8>dist/image/.lock
flock 8
if [ -n "$if_changed" ] && [ -e "$target.oci.tar" ] &&
  [ -z "$(find src build hack/image.sh package-lock.json -newer "$target.oci.tar" -type f -print -quit)" ]; then
  exit 0
fi

./hack/build.sh --arch "$node_arch"
executable=dist/nodens
[ "$node_arch" = "$("$node26" -p process.arch)" ] || executable=dist/nodens-$node_arch

# The time of all that is in the image: that of the commit, so that it is the same at each build.
revision=${NODENS_REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
"$node26" build/image.ts --arch "$arch" --executable "$executable" --folder "$folder" \
  ${debs[@]+"${debs[@]}"} --created "$created" --revision "$revision"

# buildah's own storage and settings are not used: nothing of this machine gets in or stays.
storage=$folder/storage
remove_storage() { rm -rf "$storage"; }
trap remove_storage EXIT
remove_storage
buildah=(buildah --root "$PWD/$storage/root" --runroot "$PWD/$storage/run" --storage-driver vfs)
"${buildah[@]}" build --quiet --identity-label=false --isolation chroot --format oci --os linux --arch "$arch" \
  --timestamp "$epoch" --build-arg VERSION="$version" --build-arg REVISION="$revision" \
  --build-arg CREATED="$created" --file build/Dockerfile --tag "$tag" "$folder/context" >/dev/null
layout=$storage/layout
"${buildah[@]}" push --quiet "$tag" "oci:$layout:$tag" >/dev/null
rm -f "$target.oci.tar.new"
tar --create --file "$target.oci.tar.new" --directory "$layout" --sort=name --mtime="@$epoch" \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar blobs index.json oci-layout
mv "$folder/sbom.spdx.json" "$target.spdx.json"
mv "$target.oci.tar.new" "$target.oci.tar"
digest=$(tar -xOf "$target.oci.tar" index.json | "$node26" -p \
  'JSON.parse(fs.readFileSync(0)).manifests[0].digest')
printf '%s: %s MiB, %s\n' "$target.oci.tar" \
  "$("$node26" -p "(fs.statSync('$target.oci.tar').size / 2 ** 20).toFixed(1)")" "$digest"
