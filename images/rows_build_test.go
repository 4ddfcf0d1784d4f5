//go:build built

package images

import (
	"os"
	"path/filepath"
	"testing"
)

// mostObjects is what a minimal kernel must stay below, host tools included. The least that 5.10 is made of are some 900, and
// each kernel since has split the same into more files: docs/kernels.md.
const mostObjects = 1100

// TestEveryBuiltKernelIsOneThatModulesBuildAgainst builds the kernels that are built from source: minutes for each, the first time.
func TestEveryBuiltKernelIsOneThatModulesBuildAgainst(t *testing.T) {
	for _, row := range Rows() {
		if row.Source == nil {
			continue // fetched: debian_test.go
		}
		t.Run(row.Name, func(t *testing.T) {
			kernel, err := Resolve(t.Context(), row.Name, Options{Progress: os.Stderr})
			if err != nil {
				t.Fatal(err)
			}
			if !hasPVHEntry(kernel.Boot) {
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
