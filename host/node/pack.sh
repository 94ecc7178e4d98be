#!/bin/sh
# Makes the package for npm of finished components, and prints its path.
#
#   host/node/pack.sh COMPONENTS OUT     such as: host/node/pack.sh dist dist
#
# jco transpiles the components. npm installs it into target/tools/node, unless PAPYRA_NODE_MODULES names a
# directory that has it. This repository is left as it is.
set -eu

fail() {
    echo "host/node/pack.sh: $*" >&2
    exit 1
}

[ $# = 2 ] || fail "usage: host/node/pack.sh COMPONENTS OUT"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(CDPATH='' cd -- "$here/../.." && pwd -P)
PAPYRA_COMPONENTS=$(CDPATH='' cd -- "$1" && pwd -P)
mkdir -p "$2"
out=$(CDPATH='' cd -- "$2" && pwd -P)
export PAPYRA_COMPONENTS
command -v npm >/dev/null || fail "npm is missing; type:  apt-get install nodejs npm"

modules=${PAPYRA_NODE_MODULES:-}
if [ -z "$modules" ]; then
    tools=$root/target/tools/node
    modules=$tools/node_modules
    if ! cmp -s "$here/package.json" "$tools/installed.json"; then
        rm -rf "$tools"
        mkdir -p "$tools"
        cp "$here/package.json" "$here/package-lock.json" "$tools"
        # `npm ci` refuses locks that lack packages of other platforms, as those of partial mirrors do.
        (cd "$tools" && npm install --prefer-offline --no-audit --no-fund --loglevel=error >&2)
        cp "$here/package.json" "$tools/installed.json"
    fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/src" "$here/package.json" "$here/prepack.js" "$here/README.md" "$root/LICENSE" "$work"
ln -s "$modules" "$work/node_modules"
cd "$work"
name=$(npm pack --silent --pack-destination "$out" | tail -n 1)
echo "$out/$name"
