// Package steady has a test that passes on every kernel.
package steady

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{}) }

func TestRunsInGuest(t *testing.T) {
	if name, err := os.Hostname(); err != nil || name != "kmodtest" {
		t.Errorf("host name %q, %v; want kmodtest, the guest's", name, err)
	}
}
