#!/bin/sh
# Builds the engine component, and the ones that are made of it.
#
#   guest/build.sh OUTPUT_DIR         writes OUTPUT_DIR/papyra-engine.wasm
#   guest/build.sh --all OUTPUT_DIR   also the engine on a store in files: papyra-wasi.wasm over WASI,
#                                     papyra-node.wasm and papyra-python.wasm on files that the host opens,
#                                     and papyra-command.wasm, a program over WASI
#   guest/build.sh --tests OUTPUT_DIR also papyra-plugin.wasm, and the stores alone, which the tests compose
#                                     with them and put through the suite of all stores
#   guest/build.sh --lint OUTPUT_DIR  runs clippy on the same code, warnings are errors
#   guest/build.sh --which            says where the standard library comes from, or fails
#
# Installs nothing but, through rustup, the target's standard library; `make setup` does the rest.
# The standard library for wasm32-unknown-unknown comes from the first of these that is there:
#   present  the Rust in use already has it
#   debian   Debian's own Rust compiles it from source, with crates from the registry only
#   rustup   rustup downloads it
# PAPYRA_WASM_TOOLCHAIN=present|debian|rustup forces one. host/build.rs runs this script inside
# another cargo, hence the care for the environment, and gives itself as PAPYRA_ENCODE, the program
# that makes components of modules; otherwise that is built here, from guest/encode.
set -eu

target=wasm32-unknown-unknown
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

fail() {
    echo "guest/build.sh: $*" >&2
    exit 1
}

task=build
case ${1:-} in
--all | --tests | --lint | --which)
    task=${1#--}
    shift
    ;;
esac
case $task:$#:${1:-} in
which:0:) ;;
build:1:[!-]* | all:1:[!-]* | tests:1:[!-]* | lint:1:[!-]*)
    mkdir -p "$1"
    out=$(CDPATH='' cd -- "$1" && pwd -P)
    ;;
*) fail "usage: guest/build.sh [--all | --tests | --lint] OUTPUT_DIR | --which" ;;
esac

# What an outer cargo says about itself must not reach this one: its flags are for another target,
# and clippy's wrapper would build nothing. Where to download from and the job server stay.
for name in $(env | sed -n 's/^\(CARGO_[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in
    CARGO_HOME | CARGO_MAKEFLAGS | CARGO_HTTP_* | CARGO_NET_* | CARGO_REGISTR*) ;;
    *) unset "$name" ;;
    esac
done
unset RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTC_LINKER RUSTDOC RUSTFLAGS RUSTDOCFLAGS
unset CLIPPY_ARGS CLIPPY_CONF_DIR TARGET HOST OUT_DIR PROFILE OPT_LEVEL DEBUG NUM_JOBS

present() {
    libdir=$(rustc --print target-libdir --target $target 2>/dev/null) && [ -d "$libdir" ]
}

debian() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && command -v wasm-ld-22 >/dev/null &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

# Bounded, because a network that swallows packets would hold up every build.
rustup_add() {
    command -v rustup >/dev/null || return 1
    bounded=
    command -v timeout >/dev/null && bounded='timeout 90'
    RUST_BACKTRACE=0 RUSTUP_MAX_RETRIES=1 $bounded rustup target add $target >&2
}

way=${PAPYRA_WASM_TOOLCHAIN:-}
if [ -z "$way" ]; then
    if present; then
        way=present
    elif debian; then
        way=debian
    elif rustup_add && present; then
        way=rustup
    else
        fail "no standard library for $target. Type \`make setup\`, or one of
    rustup target add $target
    apt-get install rustc-web cargo-web rust-web-src lld-22"
    fi
else
    case $way in
    present) present || fail "rustc has no standard library for $target: rustup target add $target" ;;
    debian) debian || fail "incomplete: apt-get install rustc-web cargo-web rust-web-src lld-22" ;;
    rustup) { rustup_add && present; } || fail "\`rustup target add $target\` failed" ;;
    *) fail "PAPYRA_WASM_TOOLCHAIN is \`$way\`; it must be present, debian or rustup" ;;
    esac
fi

case $way in
present) said="$target standard library is there" ;;
debian) said="Debian's Rust, $target standard library from source" ;;
rustup) said="$target standard library just added by rustup" ;;
esac
if [ $task = which ]; then
    echo "$said"
    exit
fi
echo "engine: $said" >&2

encode=${PAPYRA_ENCODE:-}
if [ -z "$encode" ] && [ $task != lint ]; then
    # With the features of a build of everything, so that it is not compiled twice.
    cargo build --release --workspace --bin papyra-encode --manifest-path "$root/Cargo.toml" \
        --target-dir "$root/target" --quiet >&2
    encode=$root/target/release/papyra-encode
fi

# With this cargo's artifacts have a hash in their names, as for the standard library. Otherwise those
# of one crate with two sets of features replace each other, and every run would build both again.
export __CARGO_DEFAULT_LIB_METADATA=papyra

cargo=cargo
clippy=cargo-clippy
set -- --manifest-path "$root/Cargo.toml" --lib --profile engine \
    --target $target --target-dir "$out/target"
if [ $way = debian ]; then
    # By full path: rustup's proxies come first in PATH, and an outer cargo of rustup's points the
    # loader at another compiler's libraries.
    unset LD_LIBRARY_PATH RUSTUP_TOOLCHAIN
    cargo=/usr/bin/cargo
    clippy=/usr/bin/cargo-clippy
    export CARGO=$cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22
    set -- "$@" -Zbuild-std=std,panic_abort
fi

# Paths that end up in panic messages are the same on every machine, so the same sources and the
# same compiler give the same bytes. Encoded, because paths may contain spaces.
sysroot=$(${RUSTC:-rustc} --print sysroot)
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037' \
    -Ctarget-feature=+simd128 \
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rust" \
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
    "--remap-path-prefix=$root=/papyra" \
    "--remap-path-prefix=$out=/out")
export CARGO_ENCODED_RUSTFLAGS="${CARGO_ENCODED_RUSTFLAGS%?}"

folder() {
    if [ "$1" = plugin ]; then echo tests/plugin; else echo "guest/$1"; fi
}

if [ $task = lint ]; then
    command -v $clippy >/dev/null ||
        fail "clippy is missing: rustup component add clippy, or apt-get install rust-web-clippy"
    for crate in engine wasi-command plugin store; do
        $clippy clippy -p papyra-$crate "$@" -- -D warnings
    done
    for features in engine engine,imported engine,python imported python; do
        $clippy clippy -p papyra-store "$@" --features $features -- -D warnings
    done
    exit
fi

tool() {
    if [ -x "$root/target/tools/bin/$1" ]; then
        echo "$root/target/tools/bin/$1"
    else
        command -v "$1" || fail "$1 is missing: type \`make setup\`"
    fi
}

description() {
    sed -n 's/^description = "\(.*\)"/\1/p' "$root/$(folder "$1")/Cargo.toml" | head -n 1
}

# encode TASK INPUT COMPONENT CRATE: puts COMPONENT in place, whole or not at all.
encode() {
    "$encode" "$1" "$2" "$out/$3.wasm.new" "$3" "$(description "$4")"
    mv "$out/$3.wasm.new" "$out/$3.wasm"
}

# build CRATE COMPONENT [FEATURES]: one at a time, so that none of them changes the features that another
# is built with.
build() {
    crate=$1 component=$2
    shift 2
    $cargo build -p papyra-$crate "$@" >&2
    module=$(echo papyra-$crate | tr - _)
    encode new "$out/target/$target/engine/$module.wasm" $component $crate
}

build engine papyra-engine "$@"
[ $task != build ] || exit 0

build store papyra-wasi "$@" --features engine
build store papyra-node "$@" --features engine,imported
build store papyra-python "$@" --features engine,python
build wasi-command papyra-wasi-command "$@"
if [ $task = tests ]; then
    build store papyra-wasi-store "$@"
    build store papyra-node-store "$@" --features imported
    build store papyra-python-store "$@" --features python
    build plugin papyra-plugin "$@"
fi
wac=$(tool wac)
"$wac" plug "$out/papyra-wasi-command.wasm" --plug "$out/papyra-wasi.wasm" \
    -o "$out/papyra-command.wasm.plugged"
encode describe "$out/papyra-command.wasm.plugged" papyra-command wasi-command
rm "$out/papyra-command.wasm.plugged"
