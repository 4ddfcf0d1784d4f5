package vmtest

import (
	"fmt"
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
