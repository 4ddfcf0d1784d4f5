// Package walked walks the error paths of a module.
package walked

import (
	"os"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{
		Builds:    []harness.Build{{Root: "../modules/walked", Make: []string{"WALKED_ERRORS=" + os.Getenv("WALKED_ERRORS")}}},
		FaultWalk: os.Getenv("WALKED_OFF") == "",
	})
}

// walk makes the module take one of its paths.
func walk(t *testing.T, path string) {
	t.Helper()
	guest.FaultWalk(t, func(t *testing.T) {
		guest.InjectedError(t, os.WriteFile("/dev/walked", []byte(path), 0))
	})
}

func TestLeak(t *testing.T)     { walk(t, "leak") }
func TestTwice(t *testing.T)    { walk(t, "twice") }
func TestLock(t *testing.T)     { walk(t, "lock") }
func TestErrno(t *testing.T)    { walk(t, "errno") }
func TestReleased(t *testing.T) { walk(t, "released") }
func TestMissing(t *testing.T)  { walk(t, "missing") }
func TestNothing(t *testing.T)  { guest.FaultWalk(t, func(*testing.T) {}) }
func TestInit(t *testing.T)     { guest.FaultWalkInit(t, "walked") }
