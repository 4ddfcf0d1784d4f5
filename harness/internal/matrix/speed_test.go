//go:build speed

package matrix

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images"
)

// suite is the package that is measured.
const suite = "../../../vmtest"

// mostWaste is how much longer a matrix may take than its runs would need on
// processors that are always busy.
const mostWaste = 1.3

// TestMatrixIsFasterThanItsRuns compares a matrix with runs of go test one after
// the other. MATRIX_SPEED_KERNELS names the kernels; without it, they are the first
// five. All caches are warm. Nothing else should run meanwhile.
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
	var sum, busy, longest time.Duration
	for _, name := range names {
		took, used := single(t, name)
		t.Logf("%s alone: %.1f s, and %.1f s of processor time", name, took.Seconds(), used.Seconds())
		sum, busy, longest = sum+took, busy+used, max(longest, took)
	}
	var lines strings.Builder
	start := time.Now()
	rep, err := Run(t.Context(), Options{Kernels: kernels, Packages: []string{suite}, Viewer: NewLines(&lines)})
	took := time.Since(start)
	if err != nil || rep.Status() != 0 {
		t.Fatalf("%v\n%s", err, lines.String())
	}
	least := max(longest, busy/time.Duration(runtime.NumCPU()))
	t.Logf("together: %.1f s, which is %.2f of the %.1f s one after the other, and %.2f of the %.1f s that busy processors need",
		took.Seconds(), took.Seconds()/sum.Seconds(), sum.Seconds(), took.Seconds()/least.Seconds(), least.Seconds())
	if took >= sum || took.Seconds() > mostWaste*least.Seconds() {
		t.Errorf("the matrix takes longer than its runs one after the other, or more than %.1f times as long as busy processors need", mostWaste)
	}
}

// single runs the suite on a kernel with go test, and returns the time and the
// processor time that it took.
func single(t *testing.T, kernel string) (took, used time.Duration) {
	t.Helper()
	cmd := exec.Command("go", "test", "-count=1", suite)
	cmd.Env = append(os.Environ(), "KMODTEST_KERNEL="+kernel)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", kernel, err, out)
	}
	return time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
