// Package vmtest is the suite: what the socketopt module promises, as tests
// that run inside a real kernel with the module loaded, through raw system
// calls. Each test has a network namespace of its own, so none depends on
// another.
package vmtest

import (
	"flag"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// module is the name of the module under test.
const module = "socketopt"

// moduleDir is where its sources are.
var moduleDir = flag.String("module", "../kmod", "the `directory` with the sources of the module under test")

func TestMain(m *testing.M) {
	flag.Parse()
	harness.Main(m, harness.Config{
		CPUs:            2, // for tests in which two threads meet
		Modules:         []string{*moduleDir, preset},
		KernelModules:   slices.Concat(neighbours, []string{ipTables}),
		OptionalModules: []string{"sctp"},
		Programs:        []string{"../kmod/user"},
		Files:           neighbourPrograms,
	})
}
