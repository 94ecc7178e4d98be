#!/bin/sh
# Packs the crates for the registry, with a finished engine in the library. Publishes nothing.
#
#   host/pack.sh COMPONENTS OUT     takes COMPONENTS/papyra-engine.wasm, writes OUT/*.crate
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
[ $# = 2 ] && [ -f "$1/papyra-engine.wasm" ] || {
    echo "usage: host/pack.sh COMPONENTS OUT, where COMPONENTS has papyra-engine.wasm; \`make dist\` builds it" >&2
    exit 1
}
mkdir -p "$2" "$root/host/artifacts"
components=$(CDPATH='' cd -- "$1" && pwd -P)
out=$(CDPATH='' cd -- "$2" && pwd -P)

cp "$components/papyra-engine.wasm" "$root/host/artifacts/papyra-engine.wasm.new"
mv "$root/host/artifacts/papyra-engine.wasm.new" "$root/host/artifacts/papyra-engine.wasm"

# In the order of their dependencies, in which they can be published. They are not built here: a test does
# that, away from the checkout.
packed=$root/target/crates
for crate in papyra-file-store papyra-report papyra-persistence papyra-cli; do
    set -- "$@" --package $crate
done
shift 2
rm -f "$packed"/package/*.crate
${CARGO:-cargo} package --quiet --no-verify --allow-dirty --target-dir "$packed" \
    --manifest-path "$root/Cargo.toml" "$@"
cp "$packed"/package/*.crate "$out"
