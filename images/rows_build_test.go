//go:build built

package images

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/bootimage"
)

// mostObjects is the upper limit for the object files of a minimal kernel, including host tools. 5.10
// has at least 900, and each kernel since has split the same code into more files: docs/kernels.md.
const mostObjects = 1100

// TestModulesBuildAgainstBuiltKernels builds the kernels of the table from source. The first time, each
// takes minutes.
func TestModulesBuildAgainstBuiltKernels(t *testing.T) {
	for _, row := range Rows() {
		if row.Source == nil {
			continue // fetched: debian_test.go
		}
		t.Run(row.Name, func(t *testing.T) {
			kernel, err := Resolve(t.Context(), row.Name, Options{Progress: os.Stderr})
			if err != nil {
				t.Fatal(err)
			}
			if !bootimage.HasPVHEntry(kernel.Boot) {
				t.Errorf("%s cannot be started directly", kernel.Boot)
			}
			assertNoBrokenLinks(t, kernel.Build)
			assertBuilds(t, kernel)
			assertUnknownSymbolIsRefused(t, kernel)
			if r, err := readRecord(filepath.Dir(kernel.Build)); err != nil || row.Name != "debug" && r.Objects >= mostObjects {
				t.Errorf("%d objects were compiled, %v; want fewer than %d", r.Objects, err, mostObjects)
			}
		})
	}
}
