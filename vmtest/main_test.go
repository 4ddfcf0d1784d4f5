// Package vmtest is the suite of the socketopt module. Its tests run inside a
// real kernel with the module loaded, make raw system calls, and check the
// module's contract. Each test has its own network namespace, so tests are
// independent of each other.
package vmtest

import (
	"flag"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
)

// module is the name of the module under test.
const module = "socketopt"

// moduleDir is the directory of its sources.
var moduleDir = flag.String("module", "../kmod", "the `directory` with the sources of the module under test")

func TestMain(m *testing.M) {
	flag.Parse()
	harness.Main(m, harness.Config{
		CPUs:            2, // for tests in which two threads run at the same time
		Modules:         []string{*moduleDir, preset},
		KernelModules:   slices.Concat(neighbours, []string{ipTables}),
		OptionalModules: []string{"sctp"},
		Programs:        []string{"../kmod/user"},
		Files:           neighbourPrograms,
	})
}
