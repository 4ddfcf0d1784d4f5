#!/usr/bin/env bash
# Runs kmodtest under KVM in an emulated machine, and replaces the table in a document with the results.
#
#   scripts/kvm.sh DOCUMENT
set -euo pipefail

[[ $# -eq 1 ]] || { sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2; }
document=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=$(mktemp)
trap 'rm -f "$output"' EXIT

scripts/qemu.sh trixie
go test -tags kvm -count=1 -timeout 3h -v ./harness/internal/nested | tee "$output"
begin='^<!-- kvm -->' end='^<!-- end of kvm -->'
table=$(sed -n 's/^ *[a-z_]*_test\.go:[0-9]*: shown: /| /p' "$output")
sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" "$document" <<<"| shown | QEMU | test |
|---|---|---|
$table"
