package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A version is the first two numbers of a kernel release.
type version struct{ major, minor int }

// before reports whether v is older than major.minor.
func (v version) before(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}

// kernelVersion returns the version of the running kernel.
func kernelVersion(tb testing.TB) version {
	tb.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		tb.Fatalf("get the kernel release: %v", err)
	}
	var v version
	release := unix.ByteSliceToString(name.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &v.major, &v.minor); err != nil {
		tb.Fatalf("parse the kernel release %q: %v", release, err)
	}
	return v
}

// needsHostPrograms skips a test whose programs come from the host if the kernel is for another
// architecture, on which they do not run.
func needsHostPrograms(t *testing.T, name string) {
	t.Helper()
	if err := exec.CommandContext(t.Context(), name, "--version").Run(); errors.Is(err, unix.ENOEXEC) {
		t.Skipf("this kernel does not run programs of the host's architecture: %v", err)
	}
}

// needsCopyByPages skips a test that watches the kernel between two pages of a copy. On s390x one
// instruction copies both, and QEMU does not begin it while one of them is missing.
func needsCopyByPages(t *testing.T) {
	t.Helper()
	if runtime.GOARCH == "s390x" {
		t.Skip("this kernel copies two pages with one instruction")
	}
}

// needs skips a test if the kernel was built without option, which the absence of
// file shows. A test in vmtest/contract checks that a kernel of the matrix is
// built with the option.
func needs(t *testing.T, option, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Skipf("this kernel was built without %s: %v", option, err)
	}
}
