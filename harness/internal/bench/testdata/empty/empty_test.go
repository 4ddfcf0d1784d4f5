// Package empty has one test that does nothing: what it costs is the harness's.
package empty

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	if os.Getenv("EMPTY_NATIVE") != "" {
		os.Exit(m.Run())
	}
	harness.Main(m, harness.Config{Modules: []string{"../../../../../kmod"}})
}

func TestEmpty(*testing.T) {}
