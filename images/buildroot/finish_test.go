package buildroot

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFinishChangesNoOtherFiles has build roots with links to the user's files where packages are put together.
func TestFinishChangesNoOtherFiles(t *testing.T) {
	for _, link := range []string{"usr", "usr/share", "usr/bin", "usr/lib", "lib", mountPoint} {
		user, dir := t.TempDir(), t.TempDir()
		put(t, filepath.Join(user, "share/photo"), "", "a photo")
		put(t, filepath.Join(user, "dash"), "", "a program")
		if link != "lib" {
			put(t, filepath.Join(dir, "lib/x86_64/libc.so"), "", "of the root")
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(user, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		if err := Finish(dir, "usr/share", "var"); err == nil {
			t.Errorf("%s: got no error", link) // it has no make
		}
		var left []string
		for _, at := range []string{user, filepath.Join(user, "share")} {
			list, err := os.ReadDir(at)
			if err != nil {
				t.Error(err)
			}
			for _, entry := range list {
				left = append(left, entry.Name())
			}
		}
		if len(left) != 3 {
			t.Errorf("%s: the user has %q", link, left)
		}
	}
}
