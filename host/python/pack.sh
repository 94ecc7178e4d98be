#!/bin/sh
# Makes the wheel of finished components, and prints its path.
#
#   host/python/pack.sh COMPONENTS OUT     such as: host/python/pack.sh dist dist
#
# hatchling builds it, from a virtual environment in target/tools/wheel. This repository is left as it is.
set -eu

hatchling=hatchling==1.33.0

fail() {
    echo "host/python/pack.sh: $*" >&2
    exit 1
}

[ $# = 2 ] || fail "usage: host/python/pack.sh COMPONENTS OUT"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(CDPATH='' cd -- "$here/../.." && pwd -P)
components=$(CDPATH='' cd -- "$1" && pwd -P)
mkdir -p "$2"
out=$(CDPATH='' cd -- "$2" && pwd -P)

tools=$root/target/tools/wheel
if [ "$(cat "$tools/installed" 2>/dev/null)" != "$hatchling" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools" >&2 || fail "venv is missing; type:  apt-get install python3-venv"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "$hatchling" >&2
    echo "$hatchling" >"$tools/installed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/papyra_persistence" "$here/pyproject.toml" "$here/README.md" "$root/LICENSE" "$work"
for name in papyra-python papyra-engine papyra-wasi; do
    [ -f "$components/$name.wasm" ] || fail "$components/$name.wasm is missing: type \`make dist\`"
    cp "$components/$name.wasm" "$work/papyra_persistence"
done
cd "$work"
name=$("$tools/bin/python" -m hatchling build -t wheel -d built 2>&1 >/dev/null) || fail "$name"
name=$(ls built)
mv "built/$name" "$out"
echo "$out/$name"
