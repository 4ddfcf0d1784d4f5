#!/usr/bin/env bash
# Runs the suite again and again on a busy host: with two endless loops per processor.
#
#   scripts/loaded.sh RUNS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=${1:?usage: scripts/loaded.sh RUNS}

spin() { while :; do :; done; }

loops=()
trap 'kill "${loops[@]}"' EXIT
for ((i = 2 * $(nproc); i > 0; i--)); do
	spin &
	loops+=($!)
done
for ((i = 0; i < runs; i++)); do
	go test -count=1 ./vmtest
done
