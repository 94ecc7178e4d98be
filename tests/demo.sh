#!/bin/sh
# A journal is damaged, found out, repaired with the quarantine kept, compacted and read back.
set -eu

cd "$(dirname -- "$0")/.."
PATH=$PWD/target/release:$PATH
demo=target/demo
rm -rf "$demo"
mkdir -p "$demo"
cd "$demo"

say() {
    printf '\n\033[1m# %s\033[0m\n' "$*"
}

# Shows a command, runs it, and stops the demo if its exit code is not the one that is expected.
run() {
    expected=$1
    shift
    printf '\033[32m$ %s\033[0m\n' "$*"
    code=0
    "$@" || code=$?
    if [ "$code" -ne "$expected" ]; then
        echo "demo: exit code $code, expected $expected" >&2
        exit 1
    fi
    echo "[exit code $code]"
}

say "A journal of some 24,000 records, and what a bad week does to it"
run 0 papyra-generate --bytes 15MB --damage 12 journal.ndjson
cp journal.ndjson original.ndjson

say "Is it healthy? Nothing is changed by looking"
run 2 papyra persistence scan --path journal.ndjson

say "What would a repair do?"
run 0 papyra persistence recover --path journal.ndjson --mode quarantine \
    --quarantine-dir quarantine --dry-run

say "Repair it, and keep everything that is taken out as quarantine"
run 0 papyra persistence recover --path journal.ndjson --mode quarantine --quarantine-dir quarantine
run 0 ls -l quarantine
run 0 papyra persistence scan --path journal.ndjson

say "Keep the newest 10,000 records"
run 0 papyra persistence compact --path journal.ndjson --max-records 10000
run 0 papyra persistence inspect --path journal.ndjson --show-metrics

say "Read back the last two dead letters"
run 0 papyra persistence read --path journal.ndjson --kind dead_letter --limit 2

say "Done. Everything is in $demo; original.ndjson is the damaged journal"
