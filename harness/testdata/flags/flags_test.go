package flags

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv("FLAGS_NATIVE") != "" {
		os.Exit(m.Run())
	}
	harness.Main(m, harness.Config{})
}

func TestDouble(t *testing.T) {
	for _, n := range []int{0, 1, -1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if got := Double(n); got != n+n {
				t.Errorf("Double(%d) = %d", n, got)
			}
		})
	}
}

func TestReadsTestdata(t *testing.T) {
	b, err := os.ReadFile("testdata/greeting")
	if err != nil || string(b) != "from the host\n" {
		t.Errorf("testdata/greeting: %q, %v", b, err)
	}
}

func TestPrints(t *testing.T) {
	fmt.Println("to standard output")
	fmt.Fprintln(os.Stderr, "to standard error")
	fmt.Print("PASS\nand more\n")
	t.Logf("short is %v", testing.Short())
}

func TestIsSkipped(t *testing.T) { t.Skip("on purpose") }

func TestParallelA(t *testing.T) { parallel(t) }
func TestParallelB(t *testing.T) { parallel(t) }

// parallel is t.Parallel, unless FLAGS_NOT_PARALLEL is set: the output of tests
// that run at the same time is mixed.
func parallel(t *testing.T) {
	if os.Getenv("FLAGS_NOT_PARALLEL") == "" {
		t.Parallel()
	}
}

func TestProcessors(t *testing.T) { t.Logf("GOMAXPROCS is %d", runtime.GOMAXPROCS(0)) }

// TestFailsIfAsked fails if FLAGS_FAIL is set on the host.
func TestFailsIfAsked(t *testing.T) {
	if os.Getenv("FLAGS_FAIL") != "" {
		t.Error("as it was asked to")
	}
}

func BenchmarkDouble(b *testing.B) {
	for b.Loop() {
		Double(21)
	}
}

func FuzzDouble(f *testing.F) {
	f.Add(21)
	f.Fuzz(func(t *testing.T, n int) {
		if Double(n)%2 != 0 {
			t.Errorf("Double(%d) is odd", n)
		}
	})
}

func ExampleDouble() {
	fmt.Println(Double(21))
	// Output: 42
}
