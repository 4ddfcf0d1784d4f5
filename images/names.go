package images

import (
	"path"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
)

// archMark separates the name of a kernel row from that of an architecture.
const archMark = "@"

// SplitName splits the name of a kernel into that of its row and, after an @, that of an architecture, or a pattern for
// either. Without an @, goarch is "", which stands for the host's architecture. A path has no architecture in its name.
func SplitName(name string) (row, goarch string) {
	if isPath(name) {
		return name, ""
	}
	row, goarch, _ = strings.Cut(name, archMark)
	return row, goarch
}

// WithArch returns the name of the same kernel for an architecture: "6.1@arm64" for "6.1" and "arm64", and "@arm64" for the
// default kernel. A path, and a name that has an architecture, stay as they are, and so does the name of a kernel for the
// host's architecture.
func WithArch(name, goarch string) string {
	if goarch == "" || goarch == arch.Host().Name || isPath(name) || strings.Contains(name, archMark) {
		return name
	}
	return name + archMark + goarch
}

// MatchName reports whether a kernel's name matches a pattern as in path.Match, which has an @ if it is for kernels of other
// architectures than the host's: "6.*" matches "6.1", "6.*@arm64" matches "6.1@arm64", and "*@*" matches all.
func MatchName(pattern, name string) (bool, error) {
	wantRow, wantArch := SplitName(pattern)
	row, goarch := SplitName(name)
	here := func(goarch string) string {
		if goarch == "" {
			return arch.Host().Name
		}
		return goarch
	}
	ok, err := path.Match(wantRow, row)
	if err != nil || !ok {
		return false, err
	}
	return path.Match(here(wantArch), here(goarch))
}
