package environment

import (
	"os"
	"slices"
	"strings"
)

// names are the variables that users set, without their prefix.
var names = []string{
	"KERNEL", "ARCH", "ACCEL", "QEMU", "SNAPSHOT", "FRESH", "SILENCE", "SOURCE", "BINARY", "KERNEL_LOG", "TRACE", "VERDICT", "GDB",
	"DUMP", "EXPLAIN", "COVERAGE", "COVERAGE_MIN", "MIRROR",
}

const prefix = "KMODTEST_"

// Misspelt returns, by the names of variables that are set and have no meaning, those that
// their users probably meant: they differ in one letter, or two are exchanged.
func Misspelt() map[string]string {
	found := map[string]string{}
	for _, variable := range os.Environ() {
		set, _, _ := strings.Cut(variable, "=")
		name, ours := strings.CutPrefix(set, prefix)
		if !ours || slices.Contains(names, name) {
			continue
		}
		if i := slices.IndexFunc(names, func(known string) bool { return isNear(name, known) }); i >= 0 {
			found[set] = prefix + names[i]
		}
	}
	return found
}

// isNear reports whether two names differ in one letter at most, or by the exchange of two
// that follow each other.
func isNear(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}
