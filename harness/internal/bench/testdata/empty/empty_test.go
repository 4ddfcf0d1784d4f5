// Package empty has one test that does nothing: what it costs is the harness's.
package empty

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv("BENCH_NATIVE") != "" {
		os.Exit(m.Run())
	}
	harness.Main(m, harness.Config{Modules: []string{os.Getenv("BENCH_MODULE")}})
}

func TestEmpty(*testing.T) {}

// TestWaits is of a machine that does nothing, until somebody ends it.
func TestWaits(t *testing.T) {
	fmt.Println("waits")
	time.Sleep(time.Hour)
	t.Error("nobody has ended the machine")
}
