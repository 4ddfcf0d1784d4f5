// Package empty has a test that does nothing, so that only the harness takes time.
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

// TestWaits keeps the machine idle until it is ended.
func TestWaits(t *testing.T) {
	fmt.Println("waits")
	time.Sleep(time.Hour)
	t.Error("the machine was not ended")
}
