// Package through has tests that a function of another package starts.
package through

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness/testdata/through/common"
)

func TestMain(m *testing.M) { common.Main(m) }

// The working directory and testdata are this package's. Paths in the configuration
// are relative to the package whose source has it.
func TestFilesAreThere(t *testing.T) {
	for name, want := range map[string]string{"testdata/linked": "linked\n", "common/beside": "beside\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}
