// Package unknown holds a test of a module that builds on no kernel.
package unknown

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Modules: []string{"kmod"}}) }

func TestIsNeverRun(t *testing.T) { t.Error("the module was built") }
