// Package unknown has a test of a module that does not build on any kernel.
package unknown

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Modules: []string{"kmod"}}) }

func TestIsNeverRun(t *testing.T) { t.Error("the module was built") }
