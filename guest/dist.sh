#!/bin/sh
# Puts what others need to run the engine into a folder: the components, the contract as a WIT package
# and as text, checksums and sizes. `wkg` can push the .wasm files as they are.
#
#   guest/dist.sh OUTPUT_DIR [BUILD_DIR]
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
[ $# -ge 1 ] || {
    echo "usage: guest/dist.sh OUTPUT_DIR [BUILD_DIR]" >&2
    exit 1
}
mkdir -p "$1" "${2:-$root/target/dist}"
out=$(CDPATH='' cd -- "$1" && pwd -P)
build=$(CDPATH='' cd -- "${2:-$root/target/dist}" && pwd -P)

wasm_tools=$root/target/tools/bin/wasm-tools
[ -x "$wasm_tools" ] || wasm_tools=wasm-tools

"$root/guest/build.sh" --all "$build"
for name in papyra-engine papyra-wasi papyra-node papyra-python papyra-command; do
    cp "$build/$name.wasm" "$out/$name.wasm.new"
    mv "$out/$name.wasm.new" "$out/$name.wasm"
done
"$wasm_tools" component wit "$root/wit" --wasm -o "$out/papyra-persistence.wasm"
"$wasm_tools" component wit "$root/wit" -o "$out/papyra-persistence.wit"

targets() {
    "$wasm_tools" component targets "$root/$1" --world "$2" "$out/$3"
}
targets wit papyra:persistence/engine papyra-engine.wasm
targets guest/store/wit papyra:stores/wasi papyra-wasi.wasm
targets guest/store/wit papyra:stores/node papyra-node.wasm
targets guest/store/wit papyra:stores/python papyra-python.wasm
targets guest/wasi-command/wit papyra:command/command papyra-command.wasm

cd "$out"
set -- papyra-engine.wasm papyra-wasi.wasm papyra-node.wasm papyra-python.wasm papyra-command.wasm \
    papyra-persistence.wasm papyra-persistence.wit
if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi >SHA256SUMS
{
    echo "| file | bytes | gzip -9 |"
    echo "|---|---|---|"
    for file in "$@"; do
        echo "| $file | $(wc -c <"$file" | tr -d ' ') | $(gzip -9cn "$file" | wc -c | tr -d ' ') |"
    done
} >SIZES.md
