// Package suites runs KUnit suites as tests.
package suites

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	config := harness.Config{Builds: []harness.Build{{Root: "../modules/suites", Load: []string{}}}}
	if os.Getenv("SUITES_DISABLED") == "" {
		config.KernelArgs = []string{"kunit.enable=1", "kunit.autorun=1"}
	}
	if os.Getenv("SUITES_DEADLY") != "" {
		config.KernelArgs = append(config.KernelArgs, "prints.deadly=1", "suites.deadly=1")
	}
	harness.Main(m, config)
}

func TestPrinted(t *testing.T) { guest.KUnit(t, "prints") }
func TestKUnit(t *testing.T)   { guest.KUnit(t, "suites") }
func TestAfter(*testing.T)     {}
