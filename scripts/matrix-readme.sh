#!/usr/bin/env bash
# Replaces the matrix in README.md with the table of the last report.
#
#   scripts/matrix-readme.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

begin='^<!-- matrix -->' end='^<!-- end of matrix -->'
table=$(sed -n '/^|/p' kmodtest-report/report.md)
sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" README.md <<<"$table"
