#!/usr/bin/env bash
# Replaces the matrix in README.md with the table of the last report: the kernels that are fetched ready to boot, and those
# that are built from source, are in tables of their own. A table stays if the report has none of its kernels. A report with
# kernels for other architectures has the third table, as a whole, and the other two stay.
#
#   scripts/matrix-readme.sh [DIRECTORY]    of the report; the default is kmodtest-report
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A report has a space of no width after each @, so that it mentions nobody. Readers of README copy the names.
table=$(sed -n -e 's/\xE2\x80\x8B//g' -e '/^|/p' "${1:-kmodtest-report}/report.md")
built=$(go run ./harness/cmd/kmodtest kernel list --built --names)

# rows prints the rows of the kernels that are built (1), or of the others (0).
rows() {
	awk -F ' *[|] *' -v built="$built" -v want="$1" '
		BEGIN { split(built, names, "\n"); for (i in names) is[names[i]] = 1 }
		NR > 2 && ($2 in is) == want' <<<"$table"
}

replace() {
	local begin="^<!-- matrix of $1 kernels -->" end="^<!-- end of $1 kernels -->"
	[[ -n $2 ]] || return 0
	sed -i -e "/$begin/,/$end/{//!d}" -e "/$begin/r /dev/stdin" README.md <<<"$(head -n 2 <<<"$table")"$'\n'"$2"
}

if grep -q '@' <<<"$table"; then
	replace foreign "$(tail -n +3 <<<"$table")"
	exit
fi
replace prebuilt "$(rows 0)"
replace built "$(rows 1)"
