#!/usr/bin/env bash
# Runs the suite in one kernel after the other, and stops at the first that fails.
#
#   scripts/suite.sh prebuilt    kernels that are fetched ready to boot, or the one in KMODTEST_KERNEL
#   scripts/suite.sh built       kernels that are built from source
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kmodtest() { go run ./harness/cmd/kmodtest "$@"; }

case ${1:-} in
prebuilt) kernels=${KMODTEST_KERNEL:-$(kmodtest kernel list --prebuilt --names)} ;;
built) kernels=$(kmodtest kernel list --built --names) ;;
*) sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2 ;;
esac
for kernel in $kernels; do
	# A build may take longer than the timeout of go test.
	[[ $1 != built ]] || kmodtest kernel build "$kernel"
	KMODTEST_KERNEL=$kernel go -C vmtest test . ./walk
done
