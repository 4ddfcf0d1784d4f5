#!/usr/bin/env bash
# Runs tests of kmodtest under KVM in an emulated machine, the outer one. Tests that fail are repeated in another
# one, once, and their rows in the tables say so: errors of the emulator make machines hang or crash. If more than
# three tests fail, nothing is repeated.
#
#   scripts/kvm.sh all DOCUMENT    runs all tests, and replaces the tables in a document with the results
#   scripts/kvm.sh short           runs the shorter tests
set -euo pipefail

usage() {
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
}

# Tests for make kvm-short.
some='KernelBoots|KVMIsDetected|DetectionAbandonsProgramWithoutEnd|SnapshotIsForOneProcessor|FuzzInputIsKept|'
some+='MissingModuleIsNoticed|BrokenKVMIsReplacedAndRemembered'

case ${1:-} in
all) [[ $# -eq 2 ]] || usage; document=$(realpath "$2"); run='' ;;
short) [[ $# -eq 1 ]] || usage; document=''; run="^Test($some)\$" ;;
*) usage ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# try REGEXP runs the tests that match.
try() {
	go test -tags kvm -count=1 -timeout 1h -v -run "$1" ./harness/internal/nested | tee -a "$output"
}

# failed prints the tests that have failed.
failed() { sed -n 's/^--- FAIL: \([^ ]*\) .*/\1/p' "$output"; }

# fill NAME WORD HEADING... replaces the table between the comments NAME and "end of NAME" with the lines
# of the output that a test has marked with WORD.
fill() {
	local begin="^<!-- $1 -->" end="^<!-- end of $1 -->" rows
	rows=$(sed -n "s/^ *[a-z_]*_test\.go:[0-9]*: $2: /| /p" "$output")
	sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" "$document" < <(printf '%s\n' "${@:3}" "$rows")
}

[[ -z $document ]] || scripts/qemu.sh trixie
if ! try "$run"; then
	mapfile -t again < <(failed)
	((${#again[@]} > 0 && ${#again[@]} <= 3)) || exit 1
	echo "$0: repeating ${again[*]}, see docs/kvm.md"
	NESTED_REPEATED=1 try "^($(IFS='|' && echo "${again[*]}"))\$"
fi
if [[ -n $document ]]; then
	fill kvm shown '| shown | QEMU | test |' '|---|---|---|'
	fill 'phases under KVM' phase '| phase | share |' '|---|---:|'
fi
