#!/usr/bin/env bash
# Runs kmodtest under KVM in an emulated machine, and replaces the tables in a document with the results.
#
#   scripts/kvm.sh DOCUMENT
set -euo pipefail

[[ $# -eq 1 ]] || { sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2; }
document=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# fill NAME WORD HEADING... replaces the table between the comments NAME and "end of NAME" with the lines
# of the output that a test has marked with WORD.
fill() {
	local begin="^<!-- $1 -->" end="^<!-- end of $1 -->" rows
	rows=$(sed -n "s/^ *[a-z_]*_test\.go:[0-9]*: $2: /| /p" "$output")
	sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" "$document" < <(printf '%s\n' "${@:3}" "$rows")
}

scripts/qemu.sh trixie
go test -tags kvm -count=1 -timeout 1h -v ./harness/internal/nested | tee "$output"
fill kvm shown '| shown | QEMU | test |' '|---|---|---|'
fill 'phases under KVM' phase '| phase | share |' '|---|---:|'
