# SPDX-License-Identifier: Apache-2.0
#
#   make nightly   installs the system packages that are missing, builds, runs the main job on sample tables
#   make test      installs what is missing, builds everything, runs every test
#   make check     formatting and shell syntax
#   make clean     removes what was built; the home in .varve and its vault stay

SHELL := /bin/bash
.SHELLFLAGS := -e -u -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help nightly test check clean

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
	VARVE_PYTHON="$$python" swift test -c release --skip-build --disable-xctest

check:
	swift format lint --strict --recursive --parallel Sources Tests Package.swift
	for script in .ci/* Jobs/*.sh Jobs/samples/*.sh; do bash -n "$$script"; done

clean:
	swift package clean
	rm -rf .build/python
