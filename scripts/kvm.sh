#!/usr/bin/env bash
# Runs tests of kmodtest under KVM in an emulated machine, the outer one. If that hangs or dies, the tests
# that it was running are repeated in another one, once.
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

# failed prints the tests that have failed, and lost those of them that were running when the outer machine hung or
# died. A failure in an inner run has a message of the test, which begins with the name of a file.
failed() { sed -n 's/^--- FAIL: \([^ ]*\) .*/\1/p' "$output"; }
lost() {
	awk '/^=== RUN / { own = lost = 0 }
		/^ +[a-z_]+_test\.go:[0-9]+: / { own = 1 }
		/^ *(the machine ended during this test|the guest has shown no sign of life for)/ { lost = 1 }
		/^ *kernel fault \((panic|null-dereference|page-fault|general-protection|oops|.*-stall|.*-lockup)\)/ { lost = 1 }
		/^--- FAIL: / && lost && !own { print $3 }' "$output"
}

# fill NAME WORD HEADING... replaces the table between the comments NAME and "end of NAME" with the lines
# of the output that a test has marked with WORD.
fill() {
	local begin="^<!-- $1 -->" end="^<!-- end of $1 -->" rows
	rows=$(sed -n "s/^ *[a-z_]*_test\.go:[0-9]*: $2: /| /p" "$output")
	sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" "$document" < <(printf '%s\n' "${@:3}" "$rows")
}

[[ -z $document ]] || scripts/qemu.sh trixie
if ! try "$run"; then
	again=$(lost)
	if [[ -z $again || $again != "$(failed)" ]]; then
		exit 1 # a failure of kmodtest
	fi
	echo "$0: the outer machine hung or died, as errors of its emulator cause it, see docs/kvm.md:" \
		"repeating ${again//$'\n'/ }"
	NESTED_REPEATED=1 try "^(${again//$'\n'/|})\$"
fi
if [[ -n $document ]]; then
	fill kvm shown '| shown | QEMU | test |' '|---|---|---|'
	fill 'phases under KVM' phase '| phase | share |' '|---|---:|'
fi
