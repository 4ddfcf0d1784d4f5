package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/matrix"
)

// maxPackages is how many packages a finding names.
const maxPackages = 5

// tests finds the packages whose tests go test runs on this host. That is right for tests that need no
// kernel, and easily overlooked for others. Without packages there is no finding.
func (h Host) tests(ctx context.Context) []Finding {
	if _, err := os.Stat(filepath.Join(h.Dir, "go.mod")); err != nil {
		return nil
	}
	names, others, err := matrix.OnHost(ctx, h.Dir)
	if err != nil || len(names) == 0 { // go test reports what is wrong with a package
		return nil
	}
	more := ""
	if n := len(names) - maxPackages; n > 0 {
		names, more = names[:maxPackages], fmt.Sprintf(" and %d more", n)
	}
	found := fmt.Sprintf("go test runs these packages on this host, and kmodtest test in a guest, as they do not import the harness: %s%s",
		strings.Join(names, ", "), more)
	if !others {
		found = "no package imports the harness: go test runs the tests on this host, and kmodtest test in a guest"
	}
	return []Finding{{"tests", OK, found, ""}}
}
