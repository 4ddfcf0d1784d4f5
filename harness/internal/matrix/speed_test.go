//go:build speed

package matrix

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images"
)

// suite is what is measured, from this directory.
const suite = "../../../vmtest"

// TestMatrixIsFasterThanItsRuns compares a matrix of up to five kernels, or those
// that MATRIX_SPEED_KERNELS names, with as many runs of go test one after the
// other. All caches are warm, and nothing else should run.
func TestMatrixIsFasterThanItsRuns(t *testing.T) {
	names := strings.FieldsFunc(os.Getenv("MATRIX_SPEED_KERNELS"), func(c rune) bool { return c == ',' })
	if len(names) == 0 {
		names = images.Names()
		names = names[:min(5, len(names))]
	}
	var kernels []report.Kernel
	for i, name := range names {
		kernels = append(kernels, report.Kernel{Name: name, Order: i})
		single(t, name)
	}
	var sum time.Duration
	for _, name := range names {
		took := single(t, name)
		t.Logf("%s alone: %.1f s", name, took.Seconds())
		sum += took
	}
	var lines strings.Builder
	start := time.Now()
	rep, err := Run(t.Context(), Options{Kernels: kernels, Packages: []string{suite}, Viewer: NewLines(&lines)})
	took := time.Since(start)
	if err != nil || rep.Status() != 0 {
		t.Fatalf("%v\n%s", err, lines.String())
	}
	ratio := took.Seconds() / sum.Seconds()
	t.Logf("together: %.1f s, which is %.2f of %.1f s", took.Seconds(), ratio, sum.Seconds())
	if ratio > 0.6 {
		t.Errorf("the matrix takes %.2f of the time of its runs one after the other, not 0.6", ratio)
	}
}

// single runs the suite on a kernel as a user would, and returns how long it took.
func single(t *testing.T, kernel string) time.Duration {
	t.Helper()
	cmd := exec.Command("go", "test", "-count=1", suite)
	cmd.Env = append(os.Environ(), "KMODTEST_KERNEL="+kernel)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", kernel, err, out)
	}
	return time.Since(start)
}
