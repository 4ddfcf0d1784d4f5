// Package vmtest is the suite: what the socketopt module promises, as tests
// that run inside a real kernel with the module loaded, through raw system
// calls. Each test has a network namespace of its own, so none depends on
// another.
package vmtest

import (
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// module is the name of the module under test.
const module = "socketopt"

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{
		Modules:         []string{"../kmod"},
		KernelModules:   slices.Concat(neighbours, []string{ipTables}),
		OptionalModules: []string{"sctp"},
		Programs:        []string{"../kmod/user"},
		Files:           neighbourPrograms,
	})
}
