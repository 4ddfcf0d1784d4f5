#!/usr/bin/env bash
# Compares the benchmarks of the module at another commit with those of the module in this tree.
# The two alternate, so that changes in the host's load affect both.
#
#   scripts/bench-module.sh COMMIT ROUNDS BENCHSTAT    BENCHSTAT is the program that compares
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
usage="usage: scripts/bench-module.sh COMMIT ROUNDS BENCHSTAT"
base=${1:?$usage} rounds=${2:?$usage} benchstat=${3:?$usage}

bench() { go test -run '^$' -bench . -benchtime 0.3s ./vmtest "$@"; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git archive "$base" kmod | tar -x -C "$tmp"
for ((i = 0; i < rounds; i++)); do
	bench -module "$tmp/kmod" >>"$tmp/base"
	bench >>"$tmp/this"
done
"$benchstat" "$base=$tmp/base" "this=$tmp/this"
