#!/usr/bin/env bash
# Builds the executable: ./hack/build.sh [--arch x64|arm64]
# dist/nodens for this machine, dist/nodens-ARCH for the other architecture.
cd "$(dirname "$0")/.."
. hack/lib.sh

here=$(uname -m | sed 's/^x86_64$/x64/; s/^aarch64$/arm64/')
arch=$here
case "${1:-}" in
'') ;;
--arch)
  arch=${2:-}
  case "$arch" in x64 | arm64) ;; *)
    echo "Cannot build for \"$arch\": expected --arch x64 or --arch arm64" >&2
    exit 2
    ;;
  esac
  ;;
*)
  echo "Cannot build: \"$1\" is not known; usage: ./hack/build.sh [--arch x64|arm64]" >&2
  exit 2
  ;;
esac

setup
if [ "$arch" = "$here" ]; then
  exec "$node26" build/sea.ts
fi

# npm installs only the runtime that fits this machine; the other one is fetched as a package.
case "$arch" in
arm64) need_command aarch64-linux-gnu-strip binutils-aarch64-linux-gnu ;;
x64) need_command x86_64-linux-gnu-strip binutils-x86-64-linux-gnu ;;
esac
package=node-linux-$arch
version=$("$node26" -p "require('./package.json').optionalDependencies['$package']")
folder=dist/.build/$package-$version
if [ ! -x "$folder/package/bin/node" ]; then
  mkdir -p "$folder"
  archive=$(npm pack "$package@$version" --pack-destination "$folder" --loglevel=error --silent)
  wanted=$("$node26" -p "require('./package-lock.json').packages['node_modules/$package'].integrity")
  found=sha512-$("$node26" -p \
    "crypto.hash('sha512', fs.readFileSync('$folder/$archive'), 'base64')")
  [ "$wanted" = "$found" ] || {
    echo "Cannot use $archive: its checksum is not the one in package-lock.json" >&2
    exit 1
  }
  tar -xzf "$folder/$archive" -C "$folder" package/bin/node
  rm "$folder/$archive"
fi
exec "$node26" build/sea.ts --arch "$arch" --runtime "$folder/package/bin/node"
