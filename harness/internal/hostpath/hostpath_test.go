package hostpath

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

func TestPathsAreResolvedAsInGuest(t *testing.T) {
	files := map[string]string{"/bin": "usr/bin", "/usr": "", "/usr/bin": "", "/usr/bin/sh": "dash", "/usr/bin/dash": "", "/abs": "/bin/sh", "/loop": "loop", "/up": "usr/../bin"}
	stat := func(name string) (wire.HostEntry, error) {
		link, ok := files[name]
		if !ok {
			return wire.HostEntry{}, unix.ENOENT
		}
		if link == "" {
			return wire.HostEntry{Mode: unix.S_IFDIR}, nil
		}
		return wire.HostEntry{Mode: unix.S_IFLNK, Link: link}, nil
	}
	for name, want := range map[string]string{
		"/": "/", "/bin": "/usr/bin", "/bin/sh": "/usr/bin/dash", "/abs": "/usr/bin/dash", "/up/dash": "/usr/bin/dash", "/bin/../x": "/x",
		"/bin/new/deep": "/usr/bin/new/deep", "/loop": "",
	} {
		target, missing, err := Resolve(name, stat)
		wantMissing := strings.HasSuffix(name, "deep") || strings.HasSuffix(name, "x")
		if target != want || missing != wantMissing && want != "" || (err != nil) != (want == "") {
			t.Errorf("%s: %q, missing %v, %v, want %q", name, target, missing, err, want)
		}
	}
}
