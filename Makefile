# Every target installs what it needs by itself. One profile, release, serves all of them, so that
# wasmtime is compiled once.
CARGO ?= cargo
OUT ?= target/engine
DIST ?= dist

.PHONY: help setup engine dist deb release build demo test lint bench bench-embed long fuzz powercut faults clean
.PHONY: programs tools tests components packers

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
		while read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

setup: ## install all that the build, the tests and the checks need
	@.ci/setup wasm-tools wac cargo-deny jq chromium redis-server systemd-analyze clippy rustfmt
	@echo "setup: everything is there"

engine: ## build the sandboxed engine alone, into target/engine
	@.ci/setup
	guest/build.sh $(OUT)

dist: ## build the components and the packages for Rust, Node and Python into dist
	@.ci/setup wasm-tools wac
	guest/dist.sh $(DIST)
	for host in host host/node host/python; do \
		if [ -x $$host/pack.sh ]; then $$host/pack.sh $(DIST) $(DIST) || exit 1; fi; done
	@cat $(DIST)/SIZES.md

deb: ## build a Debian package of the command, into dist
	@.ci/setup cargo-deb dpkg-shlibdeps
	$(CARGO) build --release --workspace
	.ci/deb $(DIST)

release: ## check and build everything for VERSION into dist; publishes nothing
	@.ci/release $(VERSION)

build: ## build the papyra command, into target/release
	@.ci/setup
	$(CARGO) build --release --workspace

demo: ## see a damaged journal found out, repaired, compacted and read back
	@.ci/setup
	$(CARGO) build --release --workspace --bin papyra --bin papyra-generate
	@tests/demo.sh

# Many tests wait for another process, so there are more at a time than cores.
test: export RUST_TEST_THREADS ?= 4
test: ## run all tests
	@.ci/setup chromium redis-server systemd-analyze
	@$(BESIDE) programs tools
	@$(BESIDE) tests components
	$(CARGO) test --release --workspace

# Tools and components keep one core busy for minutes, so they are built beside the rest. Cargo cannot use
# make's job server from here, and shall not try.
BESIDE = $(MAKE) --no-print-directory --jobs=2
programs:
	MAKEFLAGS= $(CARGO) build --release --workspace --bin papyra --bin papyra-encode \
		--bin papyra-generate --bin papyra-worker
tools:
	@MAKEFLAGS= .ci/setup wasm-tools wac
tests:
	MAKEFLAGS= $(CARGO) test --release --workspace --no-run
components:
	@mkdir -p target/dist
	@MAKEFLAGS= PAPYRA_ENCODE=$(CURDIR)/target/release/papyra-encode flock target/dist/.lock \
		guest/build.sh --tests target/dist

lint: ## check the format and the lints; warnings are errors
	@.ci/setup clippy rustfmt
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	guest/build.sh --lint $(OUT)

bench: ## measure everything that is promised, against its peers; needs 8 GB of disk
	@.ci/setup jq redis-server
	$(CARGO) build --release --workspace
	target/release/papyra-bench

bench-embed: ## measure the engine in Node and Python, and against Papyra's own backend; 5 minutes
	@.ci/setup wac
	$(CARGO) build --release --workspace
	target/release/papyra-bench-embed

long: export PAPYRA_KILL_CYCLES ?= 1000
long: export PAPYRA_DAMAGE_FILES ?= 50000
long: export PAPYRA_SEQUENCES ?= 10000
long: export PAPYRA_FUZZ_SECONDS ?= 60
long: export PAPYRA_SIM ?= long
long: export PAPYRA_CLEAN_BUILDS ?= 1
long: export PAPYRA_PACKED_BUILDS ?= 1
long: export PAPYRA_ALL_SUITES ?= 1
long: packers test ## run the same tests at full size: 1,000 kills, 50,000 damaged files, 10,000 sequences, all crashes

packers:
	@.ci/setup cargo-deb debootstrap dpkg-shlibdeps lintian

fuzz: export PAPYRA_FUZZ_SECONDS ?= 600
fuzz: ## feed random bytes to the engine for ten minutes
	@.ci/setup
	$(CARGO) test --release --workspace --test long fuzz:: -- --nocapture

powercut: ## cut the power of ext4, XFS and Btrfs 2,000 times each, as root; an hour
	@[ "$$(id -u)" != 0 ] || .ci/setup mkfs.ext4 mkfs.xfs mkfs.btrfs
	$(CARGO) build --release --workspace --bins
	@tests/powercut.py

faults: ## let each system call on a journal fail, 6,000 times; 20 minutes
	@.ci/setup strace
	$(CARGO) build --release --workspace --bins
	@tests/faults.py

clean: ## remove everything that was built or installed here
	$(CARGO) clean
	rm -rf host/artifacts
