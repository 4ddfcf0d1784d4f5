package vmtest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A version is that of a kernel, by its first two numbers.
type version struct{ major, minor int }

// before says whether a kernel is older than another.
func (v version) before(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}

// kernelVersion is that of the running kernel.
func kernelVersion(tb testing.TB) version {
	tb.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		tb.Fatalf("ask for the kernel's release: %v", err)
	}
	var v version
	release := unix.ByteSliceToString(name.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &v.major, &v.minor); err != nil {
		tb.Fatalf("read the kernel's release %q: %v", release, err)
	}
	return v
}

// needs skips a test on a kernel that was made without an option, as the absence
// of a file tells. That some kernel of the matrix is made with it is checked in
// vmtest/contract.
func needs(t *testing.T, option, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Skipf("this kernel is made without %s: %v", option, err)
	}
}
