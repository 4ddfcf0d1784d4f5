// Package fresh holds tests that fail if they share a kernel.
package fresh

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Fresh: os.Getenv("FRESH_CONFIG") != ""})
}

// spoil fails if it has been called before in the same kernel.
func spoil(t *testing.T) {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if got := unix.ByteSliceToString(name.Domainname[:]); got != "(none)" {
		t.Errorf("the domain name is %q: this kernel has been spoiled", got)
	}
	if err := unix.Setdomainname([]byte("spoiled")); err != nil {
		t.Fatal(err)
	}
}

func TestSpoilsFirst(t *testing.T)  { spoil(t) }
func TestSpoilsSecond(t *testing.T) { spoil(t) }

func TestAsksForFresh(t *testing.T) {
	guest.Fresh(t)
	t.Run("inside", spoil)
	if os.Getenv("FRESH_FAIL") != "" {
		t.Error("as it was asked to")
	}
}

func TestAsksFromSubtest(t *testing.T) {
	t.Run("sub", func(t *testing.T) { guest.Fresh(t) })
}

func TestCrashes(t *testing.T) {
	guest.Fresh(t)
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestIsLast(t *testing.T) { t.Log("the end") }
