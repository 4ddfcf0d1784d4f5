#!/usr/bin/env bash
# Runs the stress tests and the model's tests for minutes instead of seconds, in every kernel or in
# the one in KMODTEST_KERNEL.
#
#   scripts/soak.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

soak() { go test -v -tags soak -timeout 60m ./vmtest -run "$@"; }

kernels=${KMODTEST_KERNEL:-$(go run ./harness/cmd/kmodtest kernel list --names)}
for kernel in $kernels; do
	export KMODTEST_KERNEL=$kernel
	soak 'UnderStress|Mistakes|Sequence' -stress 2m
	soak Agrees -rapid.checks 560 -rapid.steps 200
done
