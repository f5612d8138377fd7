# SPDX-License-Identifier: Apache-2.0
#
#   make nightly   installs the system packages that are missing, builds, runs the main job on sample tables
#   make test      installs what is missing, builds everything, runs every test
#   make torture   the trials of make test by the thousand, Documentation/Reliability.md; takes hours
#   make install   the release build, its manual page and completions, below PREFIX (/usr/local)
#   make bench     measures Varve beside other tools, on an idle machine; takes half an hour and about 30 GB of disk
#   make check     formatting and shell syntax
#   make clean     removes what was built; the home in .varve and its vault stay

SHELL := /bin/bash
.SHELLFLAGS := -e -u -o pipefail -c
# Trials that measure time or need the machine for themselves; they run alone.
TRIALS := VarveCLITests.Torture
.DEFAULT_GOAL := help
.PHONY: help nightly test torture bench install check clean
PREFIX ?= /usr/local

help:
	@sed -n 's/^#   //p' Makefile

nightly:
	.ci/install-needs build
	swift build -c release --product varve
	Jobs/nightly.sh

test:
	.ci/install-needs build test
	python=$$(.ci/python-environment); \
	swift build -c release --build-tests; \
	VARVE_PYTHON="$$python" .ci/test '$(TRIALS)'

# The same trials, more of them. VARVE_SEED gives a run's seed back.
torture: export VARVE_DAMAGES ?= 10000
torture: export VARVE_KILLS ?= 1000
torture: export VARVE_FULL_DISKS ?= 20
torture: export VARVE_DISK_ERRORS ?= 20
torture: export VARVE_MEETINGS ?= 100
torture: export VARVE_RACES ?= 100000
torture: export VARVE_POWER_LOSSES ?= 300
torture: export VARVE_HISTORIES ?= 100
torture: export VARVE_GAPS ?= 500
torture: export VARVE_POLICIES ?= 100000
torture: export VARVE_CAPTURE_SECONDS ?= 3600
torture: export VARVE_FUZZ_SECONDS ?= 600
torture:
	.ci/install-needs build test
	swift build -c release --build-tests
	swift test -c release --skip-build --disable-xctest --filter '$(TRIALS)|SweepRaceTests|PowerLossTests|CaptureHistoryTests|GapTests|RetentionPlanTests'
	.ci/fuzz $(VARVE_FUZZ_SECONDS)

install:
	swift build -c release --product varve
	install -D -m 755 .build/release/varve "$(DESTDIR)$(PREFIX)/bin/varve"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
	    "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	varve=.build/release/varve; share="$(DESTDIR)$(PREFIX)/share"; \
	$$varve manual > "$$share/man/man1/varve.1"; \
	$$varve completion bash > "$$share/bash-completion/completions/varve"; \
	$$varve completion zsh > "$$share/zsh/site-functions/_varve"; \
	$$varve completion fish > "$$share/fish/vendor_completions.d/varve.fish"

# VARVE_BENCH_ITEMS shrinks it, VARVE_BENCH_DIR says where; Benchmarks/run --help lists what can be measured alone.
bench:
	.ci/install-needs build bench
	swift build -c release --product varve
	Benchmarks/run --json .build/benchmarks.json

check:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	for script in .ci/* Jobs/*.sh Jobs/samples/*.sh; do bash -n "$$script"; done

clean:
	swift package clean
	rm -rf .build/python
